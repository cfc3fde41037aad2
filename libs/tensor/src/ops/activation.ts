import { FLOAT, differentiable, runOne } from './raw-operation.ts';
import type { Tensor, Tensorflow } from '../tensorflow-types.ts';

/** max(x, 0); the gradient at 0 is 0. */
export function relu<T extends Tensor>(tf: Tensorflow, x: T): T {
  return rectifier(tf, x, 'Relu');
}

/** min(max(x, 0), 6); the gradient at 0 and at 6 is 0. */
export function relu6<T extends Tensor>(tf: Tensorflow, x: T): T {
  return rectifier(tf, x, 'Relu6');
}

function rectifier<T extends Tensor>(tf: Tensorflow, x: T, name: 'Relu' | 'Relu6'): T {
  return differentiable(
    tf,
    [x],
    (keep) => {
      const y = runOne(tf, name, { T: FLOAT }, [x]);
      keep(y);
      return y;
    },
    (dy, [y]) => [runOne(tf, `${name}Grad`, { T: FLOAT }, [dy, y!])],
  );
}

/** x where it is positive, else slope * x, slope > 0; the gradient at 0 is the slope. */
export function leakyRelu<T extends Tensor>(tf: Tensorflow, x: T, slope: number): T {
  return differentiable(
    tf,
    [x],
    (keep) => {
      const y = runOne(tf, 'LeakyRelu', { T: FLOAT, alpha: slope }, [x]);
      keep(y);
      return y;
    },
    (dy, [y]) => [runOne(tf, 'LeakyReluGrad', { T: FLOAT, alpha: slope }, [dy, y!])],
  );
}
