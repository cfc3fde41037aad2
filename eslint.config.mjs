import fs from 'node:fs';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';
import { layers } from './tools/workspace/layers.mjs';

/** Which packages are in a layer, from `package.json#nx`. */
const packagesIn = (...wanted) =>
  ['libs', 'apps'].flatMap((folder) =>
    fs
      .readdirSync(new URL(`${folder}/`, import.meta.url))
      .filter((name) => {
        const manifest = new URL(`${folder}/${name}/package.json`, import.meta.url);
        return fs.existsSync(manifest) && wanted.some((layer) => JSON.parse(fs.readFileSync(manifest, 'utf8')).nx?.tags?.includes(`layer:${layer}`));
      })
      .map((name) => `${folder}/${name}/src/**/*.ts`),
  );

/** What research computes, apart from how its commands run it: as pure as learning code. */
const researchMethods = ['apps/research/src/{nasbench201,reward-model}/**/*.ts'];

export default tseslint.config(
  { ignores: ['**/dist/', '**/node_modules/', '.nx/', '.nat/', '**/coverage/', 'libs/contracts/src/gen/', 'fixtures/', 'tools/fixtures/'] },
  {
    files: ['**/*.ts', 'tools/**/*.mjs'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['vitest.config.ts'] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off', // indexing typed arrays under noUncheckedIndexedAccess
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      'no-restricted-imports': ['error', { patterns: [{ group: ['@tensorflow/*'], message: 'Only @nat/tensor imports TensorFlow.' }] }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
    },
  },
  { files: ['**/*.mjs'], ignores: ['tools/**'], extends: [tseslint.configs.recommended] },
  {
    files: ['**/*.ts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          allow: ['/tools/((cluster|infra)/[a-z-]+|bootstrap/report)\\.mjs$'], // tests across processes start them
          depConstraints: Object.entries(layers).map(([layer, allowed]) => ({
            sourceTag: `layer:${layer}`,
            onlyDependOnLibsWithTags: allowed.map((name) => `layer:${name}`),
          })),
        },
      ],
    },
  },
  { files: ['libs/tensor/src/**/*.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    // What is pure knows errors and random streams of @nat/base, and nothing of processes.
    files: [...packagesIn('domain', 'learning'), ...researchMethods],
    ignores: ['libs/tensor/src/**/*.ts', '**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['@tensorflow/*'], message: 'Only @nat/tensor imports TensorFlow.' },
            {
              group: ['@nat/base/*', '!@nat/base/errors', '!@nat/base/random'],
              message: 'Domain and learning code takes what it needs of a process as arguments.',
            },
          ],
        },
      ],
    },
  },
  {
    // A result depends on its inputs alone: streams and clocks are arguments.
    files: [...packagesIn('base', 'domain', 'learning'), ...researchMethods],
    ignores: ['**/*.test.ts', '**/*.bench.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take a RandomStream of @nat/base/random as an argument.' },
        { object: 'Date', property: 'now', message: 'Take a clock as an argument.' },
      ],
    },
  },
  { files: ['tools/**', '**/*.bench.ts', 'apps/*/src/main.ts'], rules: { 'no-console': 'off' } },
  {
    // JavaScript with types in comments: what JSON.parse gives stays `any` there.
    files: ['tools/**/*.mjs'],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.test.ts', '**/*.test.mjs'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off', '@typescript-eslint/require-await': 'off' },
  },
  prettier,
);
