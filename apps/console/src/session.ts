/** What commands that talk to a platform need beside the rest: gRPC, and what it brings, take longer to load than most commands take. */
export { resolveForEvaluation } from './architectures/evaluable-ref.ts';
export { openSession, readConnection, searchName } from './flags/connection.ts';
export { readRecipe, RECIPE_HELP, recipeOptions, type RecipeFlags } from './flags/recipe.ts';
export { evaluationFailure, failureText, runEvaluation, runEvaluations, type Training, valueOf } from './follow/evaluations.ts';
export { followSearch } from './follow/search.ts';
export { startProgress } from './terminal/progress.ts';
