/**
 * What documents say of the code. A table of a Markdown document whose head has the columns `file` and `function` is a map: each row links files, and
 * names in code spans what is declared in them (`name`, `name(argument)`, `Class.member`). Files that are not JavaScript or TypeScript need only have the word.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { root } from '../bootstrap/index.mjs';

/** Files that git has or would add, relative to the root. */
export function projectFiles() {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  return listed.split('\0').filter((file) => file !== '' && fs.existsSync(path.join(root, file)));
}

/**
 * The rows of the maps in a text.
 * @param {string} markdown
 * @returns {{line: number, links: string[], names: string[]}[]} links as written, from the column `file`; names from the column `function`
 */
export function mapRows(markdown) {
  /** @type {{line: number, links: string[], names: string[]}[]} */
  const rows = [];
  /** @type {{file: number, function: number} | undefined} */
  let columns;
  let inTable = false;
  for (const [index, text] of outsideFences(markdown).entries()) {
    if (!text.startsWith('|')) {
      inTable = false;
      columns = undefined;
      continue;
    }
    const cells = text
      .replaceAll('\\|', '\0')
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (!inTable) {
      inTable = true;
      const at = { file: cells.indexOf('file'), function: cells.indexOf('function') };
      columns = at.file < 0 || at.function < 0 ? undefined : at;
    } else if (columns !== undefined && !/^:?-+:?$/.test(cells[0] ?? '')) {
      rows.push({ line: index + 1, links: linksIn(cells[columns.file] ?? ''), names: namesIn(cells[columns.function] ?? '') });
    }
  }
  return rows;
}

/**
 * What the maps of a document name and the code does not have.
 * @param {string} document absolute path
 * @returns {string[]} one line a problem, `LINE: what`
 */
export function mapProblems(document) {
  return mapRows(fs.readFileSync(document, 'utf8')).flatMap(({ line, links, names }) => {
    const files = links.map((link) => path.resolve(path.dirname(document), link));
    const missing = files.filter((file) => !fs.existsSync(file) || !fs.statSync(file).isFile());
    if (missing.length > 0) return missing.map((file) => `${line}: there is no file ${path.relative(root, file)}`);
    if (files.length === 0 || names.length === 0) return [`${line}: a row of a map links at least one file and names at least one function`];
    return names.filter((name) => !files.some((file) => declares(file, name))).map((name) => `${line}: ${name} is not declared in ${links.join(', ')}`);
  });
}

/**
 * Links of a document to files of the project that are not there.
 * @param {string} document absolute path
 * @returns {string[]} one line a problem, `LINE: what`
 */
export function brokenLinks(document) {
  return outsideFences(fs.readFileSync(document, 'utf8')).flatMap((text, index) =>
    linksIn(text)
      .filter((link) => link !== '' && !fs.existsSync(path.resolve(path.dirname(document), link)))
      .map((link) => `${index + 1}: there is no ${link}`),
  );
}

/**
 * Files and folders that a document names in code spans and that are not there: `libs/...` and the like from the root; a file of code by its name or the end of
 * its path.
 * @param {string} document absolute path
 * @param {readonly string[]} files of the project, relative to the root
 * @param {string} home where files of code that are named without `libs/` or `apps/` have to be: the document's own package, if it is in one
 * @returns {string[]} one line a problem, `LINE: what`
 */
export function staleNames(document, files, home = /^(?:libs|apps)\/[^/]+\//.exec(path.relative(root, document))?.[0] ?? '') {
  const known = (/** @type {string} */ name) => files.some((file) => file === name || (file.startsWith(home) && file.endsWith(`/${name}`)));
  const isStale = (/** @type {string} */ span) => {
    if (/^(?:libs|apps|tools|proto|docs|fixtures|deploy)\/[\w./-]+$/.test(span)) return !fs.existsSync(path.join(root, span));
    return /^[\w./-]*\w\.(?:ts|mjs|py)$/.test(span) && !known(span);
  };
  return outsideFences(fs.readFileSync(document, 'utf8')).flatMap((text, index) =>
    [...text.matchAll(/`([^`]+)`/g)].flatMap(([, span = '']) => (isStale(span) ? [`${index + 1}: there is no ${span}`] : [])),
  );
}

/**
 * The lines of a text, those of fenced code empty.
 * @param {string} markdown
 */
function outsideFences(markdown) {
  let fenced = false;
  return markdown.split('\n').map((text) => {
    if (/^\s*```/.test(text)) {
      fenced = !fenced;
      return '';
    }
    return fenced ? '' : text;
  });
}

/**
 * Targets of links that are files, without the part after #.
 * @param {string} text
 */
function linksIn(text) {
  return [...text.replaceAll(/`[^`]*`(?!\])/g, '').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link.replace(/#.*$/, ''))
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** @param {string} text */
function namesIn(text) {
  return [...text.matchAll(/`([A-Za-z_$][\w$.]*)[^`]*`/g)].map(([, name = '']) => name);
}

/** @type {Map<string, Set<string>>} */
const known = new Map();

/**
 * Whether a file declares a name: anywhere in it, members of classes and interfaces as `Class.member`.
 * @param {string} file
 * @param {string} name
 */
function declares(file, name) {
  const text = fs.readFileSync(file, 'utf8');
  if (!/\.[cm]?[jt]s$/.test(file)) return new RegExp(`\\b${name.replaceAll('.', '\\.')}\\b`).test(text);
  let names = known.get(file);
  if (names === undefined) {
    names = declarations(file, text);
    known.set(file, names);
  }
  return names.has(name);
}

/**
 * @param {string} file
 * @param {string} text
 */
function declarations(file, text) {
  /** @type {Set<string>} */
  const names = new Set();
  /** @type {(node: ts.Node, owner: string | undefined) => void} */
  const visit = (node, owner) => {
    const named = /** @type {{name?: ts.Node}} */ (node).name;
    const own = named !== undefined && isDeclaration(node) && (ts.isIdentifier(named) || ts.isPrivateIdentifier(named)) ? named.text : undefined;
    if (own !== undefined) names.add(owner === undefined ? own : `${owner}.${own}`);
    const holder = ts.isClassLike(node) || ts.isInterfaceDeclaration(node) ? own : undefined;
    ts.forEachChild(node, (child) => visit(child, holder));
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true), undefined);
  return names;
}

/** @param {ts.Node} node */
function isDeclaration(node) {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isClassLike(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isEnumDeclaration(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isClassElement(node) ||
    ts.isTypeElement(node)
  );
}
