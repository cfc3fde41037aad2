import fs from 'node:fs';
import { DockerfileParser, ModifiableInstruction } from 'dockerfile-ast';
import { SetupError } from '../bootstrap/report.mjs';

/**
 * @typedef {{keyword: string, text: string, args: string[], from: string | undefined, json: string[] | undefined}} Instruction `from`: the stage of a COPY;
 *   `json`: of an exec form
 */
/** @typedef {{name: string, from: string, instructions: Instruction[]}} Stage */

/**
 * The stages of a Dockerfile in order, and its arguments from before the first.
 * @param {string} file
 * @returns {{stages: Stage[], globals: Record<string, string>}}
 */
export function readDockerfile(file) {
  /** @type {Stage[]} */
  const stages = [];
  /** @type {Record<string, string>} */
  const globals = {};
  for (const parsed of DockerfileParser.parse(fs.readFileSync(file, 'utf8')).getInstructions()) {
    const keyword = parsed.getKeyword();
    const text = (parsed.getArgumentsContent() ?? '').replaceAll(/\\\n\s*/g, ' ');
    const args = parsed.getArguments().map((argument) => argument.getValue());
    const stage = stages.at(-1);
    if (keyword === 'FROM') {
      const [from = '', as = 'AS', name = String(stages.length)] = args;
      if (as.toUpperCase() !== 'AS') throw new SetupError(`FROM ${text} cannot be read`);
      stages.push({ name, from: from.replaceAll(/\$\{(\w+)\}/g, (_, variable) => globals[variable] ?? ''), instructions: [] });
    } else if (stage === undefined) {
      const [variable = '', value = ''] = text.split('=');
      if (keyword === 'ARG') globals[variable] = value;
    } else {
      const flags = parsed instanceof ModifiableInstruction ? parsed.getFlags() : [];
      const unknown = flags.find((flag) => keyword !== 'COPY' || flag.getName() !== 'from');
      if (unknown !== undefined) throw new SetupError(`${keyword} --${unknown.getName()} is not known here`);
      const from = flags[0]?.getValue() ?? undefined;
      stage.instructions.push({ keyword, text, args, from, json: text.startsWith('[') ? JSON.parse(text) : undefined });
    }
  }
  return { stages, globals };
}
