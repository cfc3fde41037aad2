/**
 * The layers (`nx.tags` of a package.json, `layer:<name>`) and what each may import. The lint rule @nx/enforce-module-boundaries reads this.
 * Learning and domain code knows neither platform nor contracts; services never import each other.
 */
export const layers = {
  base: ['base'],
  domain: ['base', 'domain'],
  learning: ['base', 'domain', 'learning'],
  contracts: ['contracts'],
  adapter: ['base', 'domain', 'contracts', 'adapter'],
  platform: ['base', 'contracts', 'platform'],
  app: ['base', 'domain', 'learning', 'contracts', 'adapter', 'platform'],
  composition: ['base', 'domain', 'learning', 'contracts', 'adapter', 'platform', 'app', 'composition'],
};
