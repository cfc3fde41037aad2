/**
 * `node tools/bootstrap/image.mjs cpu|cuda`: native TensorFlow for the packages that are installed here, and nothing else. For images, whose packages
 * leave out what only development needs; `main.mjs` would install that again.
 */
import { cacheDirectory } from './cache.mjs';
import { fail, root } from './index.mjs';
import { createReport } from './report.mjs';
import { ensureTensorFlow } from './tensorflow.mjs';

try {
  await ensureTensorFlow({ root, cache: cacheDirectory(), flavour: process.argv[2] ?? '', report: createReport() });
} catch (error) {
  fail(error);
}
