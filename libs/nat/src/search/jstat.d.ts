/** The part of jstat that is used; the package brings no types. */
declare module 'jstat' {
  const jstat: {
    readonly normal: {
      /** The value that a share `p` of the normal distribution lies below. */
      inv(p: number, mean: number, deviation: number): number;
    };
    /** Student's t distribution. */
    readonly studentt: {
      /** The value that a share `p` of the distribution with `dof` degrees of freedom lies below. */
      inv(p: number, dof: number): number;
    };
  };
  export default jstat;
}
