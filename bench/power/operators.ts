import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { Chance } from '../../src/base/chance.ts';
import type { MadeMistake } from './mistake.ts';
import { ROOT } from './root.ts';

const SOURCE = join(ROOT, 'src');
/** The folders with mistakes: the code between a signal and its handler. */
const FOLDERS = ['gic', 'its', 'its/commands', 'kvm', 'memory', 'board'];
/** Files that a run does not use, or that only lay words out. */
const LEFT_OUT =
  /layout|personality|regions|errno|error|faults|create-vm|snapshot|migration|attributes|designs|msi\.ts|fds\.ts|ioeventfds|operation-count|header|guest-memory/;

/** The edits that a mechanical hand makes to an expression or a statement. */
const KINDS = ['negated condition', 'off by one', 'dropped statement', 'swapped arguments'] as const;
type Kind = (typeof KINDS)[number];

/** An argument that is no number: the words of the machine, a view, a function, a text, an object. */
const OF_OTHER_TYPE =
  /words$|memory$|frame$|interrupts$|list$|its$|devices$|packet$|parts$|layout$|regions|=>|^['"`{[]|^[A-Z]+$|table$|clear$|visit$|true|false|n$/i;

type Site = { readonly kind: Kind; readonly node: ts.Node; readonly to: string };

const OTHER_BOUND: Partial<Record<ts.SyntaxKind, string>> = {
  [ts.SyntaxKind.LessThanToken]: '<=',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.GreaterThanToken]: '>=',
  [ts.SyntaxKind.GreaterThanEqualsToken]: '>',
};

/**
 * Mistakes made by rule at places drawn from a seed, as many of each kind: a condition negated, a bound moved by one, a
 * statement dropped, two arguments exchanged. The same seed gives the same mistakes as long as the sources stay as they are.
 */
export async function operatorMistakes(seed: number, count: number): Promise<MadeMistake[]> {
  const chance = new Chance(seed);
  chance.begin(0);
  const byKind = new Map<Kind, { readonly file: string; readonly text: string; readonly site: Site }[]>();
  for (const file of await files()) {
    const text = await readFile(join(SOURCE, file), 'utf8');
    const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
    for (const site of sitesIn(parsed)) {
      const known = byKind.get(site.kind) ?? [];
      known.push({ file, text, site });
      byKind.set(site.kind, known);
    }
  }
  const mistakes: MadeMistake[] = [];
  while (mistakes.length < count) {
    const kind = KINDS[mistakes.length % KINDS.length] ?? 'negated condition';
    const candidates = byKind.get(kind) ?? [];
    const [drawn] = candidates.splice(chance.below(candidates.length), 1);
    if (!drawn) throw new Error(`there are fewer than ${count} places for mistakes`);
    const { file, text, site } = drawn;
    const at = site.node.getStart();
    const from = text.slice(at, site.node.getEnd());
    const line = text.slice(0, at).split('\n').length;
    mistakes.push({
      guard: `${kind}, line ${line}: ${from.replace(/\s+/g, ' ').slice(0, 50)}`,
      file,
      from,
      to: site.to,
      at,
    });
  }
  return mistakes;
}

async function files(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of FOLDERS)
    for (const name of await readdir(join(SOURCE, folder)))
      if (name.endsWith('.ts') && !LEFT_OUT.test(`${folder}/${name}`)) found.push(`${folder}/${name}`);
  return found.sort();
}

function sitesIn(file: ts.SourceFile): Site[] {
  const sites: Site[] = [];
  const visit = (node: ts.Node): void => {
    // An error's text is no behaviour, and a constructor lays things out.
    if (ts.isThrowStatement(node) || ts.isConstructorDeclaration(node) || ts.isTypeNode(node)) return;
    sites.push(...sitesAt(node));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return sites;
}

function sitesAt(node: ts.Node): Site[] {
  if (ts.isIfStatement(node) && !throws(node.thenStatement))
    return [{ kind: 'negated condition', node: node.expression, to: `!(${node.expression.getText()})` }];
  if (ts.isConditionalExpression(node))
    return [{ kind: 'negated condition', node: node.condition, to: `!(${node.condition.getText()})` }];
  if (ts.isBinaryExpression(node)) {
    const other = OTHER_BOUND[node.operatorToken.kind];
    return other === undefined ? [] : [{ kind: 'off by one', node: node.operatorToken, to: other }];
  }
  if (ts.isExpressionStatement(node) && ts.isCallExpression(node.expression))
    return [{ kind: 'dropped statement', node, to: ';' }];
  if (ts.isCallExpression(node) && node.arguments.length >= 2) return swapped(node);
  return [];
}

/** Two neighbours that may well have one type: the compiler would not let plainly different types pass. */
function swapped(node: ts.CallExpression): Site[] {
  if (/^Math\./.test(node.expression.getText())) return [];
  const given = node.arguments.map((argument) => argument.getText());
  const first = given.findIndex((text, index) => {
    const next = given[index + 1];
    return next !== undefined && next !== text && !OF_OTHER_TYPE.test(text) && !OF_OTHER_TYPE.test(next);
  });
  const [one, other] = [given[first], given[first + 1]];
  if (one === undefined || other === undefined) return [];
  const exchanged = given.map((text, index) => (index === first ? other : index === first + 1 ? one : text));
  return [{ kind: 'swapped arguments', node, to: `${node.expression.getText()}(${exchanged.join(', ')})` }];
}

function throws(statement: ts.Statement): boolean {
  return ts.isThrowStatement(statement) || (ts.isBlock(statement) && statement.statements.some(throws));
}
