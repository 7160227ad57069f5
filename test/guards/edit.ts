/**
 * Edits of tagged code. A tag is a comment of `src` on a line of its own, `// guard: some-name`: it tags the statement or
 * the class member that begins behind it. An edit finds its code by the tag and by the syntax, never by its spelling.
 */
import ts from 'typescript';

/** What is done to tagged code. */
export type Edit =
  | { readonly kind: 'drop' | 'never' | 'always' | 'withoutFirst' | 'withoutLast' }
  | { readonly kind: 'toBefore' | 'toBehind'; readonly guard: string }
  | { readonly kind: 'value' | 'instead'; readonly code: string };

/** An edit of a guard that is named. */
export type GuardEdit = { readonly guard: string; readonly edit: Edit };

/** The statement or class member goes. */
export const drop: Edit = { kind: 'drop' };
/** The value is false. An `if` becomes its `else`. */
export const never: Edit = { kind: 'never' };
/** The value is true. An `if` becomes what it guards. */
export const always: Edit = { kind: 'always' };
/** Of the value, an operation with `&&`, `||` or `|`, the first operand goes. */
export const withoutFirst: Edit = { kind: 'withoutFirst' };
/** Of the value, an operation with `&&`, `||` or `|`, the last operand goes. */
export const withoutLast: Edit = { kind: 'withoutLast' };
/** Another value; `$` in it stands for the one that was there. */
export const value = (code: string): Edit => ({ kind: 'value', code });
/** The statement moves to before that of another guard. */
export const toBefore = (guard: string): Edit => ({ kind: 'toBefore', guard });
/** The statement moves to behind that of another guard. */
export const toBehind = (guard: string): Edit => ({ kind: 'toBehind', guard });
/** Other code in its place; `$` in it stands for the code that was there. */
export const instead = (code: string): Edit => ({ kind: 'instead', code });
/** An edit of another guard's code. */
export const at = (guard: string, edit: Edit): GuardEdit => ({ guard, edit });

const TAG = /^[ \t]*\/\/ guard: (.*)$/gm;
const NAME = /^[a-z0-9]+(-[a-z0-9]+){1,4}$/;

/** Operations that `withoutFirst` and `withoutLast` take apart. */
const OPERATIONS: readonly ts.SyntaxKind[] = [
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.BarToken,
];

type Tag = { readonly guard: string; readonly start: number; readonly end: number };
/** What a guard tags; `text` is that of its file. */
type Target = { readonly text: string; readonly tag: Tag; readonly node: ts.Node };

/** The guards that a text tags, in order. @throws Error for a name that is not of two to five words */
export function guardsIn(text: string): string[] {
  return tagsIn(text).map(({ guard }) => guard);
}

/**
 * The text with edits made, one after the other.
 * @throws Error where a guard is not tagged exactly once, or an edit does not fit what is tagged
 */
export function edited(text: string, edits: readonly GuardEdit[]): string {
  return edits.reduce((made, { guard, edit }) => editedOnce(taggedIn(made, guard), edit), text);
}

function editedOnce(target: Target, edit: Edit): string {
  switch (edit.kind) {
    case 'drop':
      return replaced(target, isInList(target.node) ? '' : '{}');
    case 'instead':
      return replaced(target, filled(edit.code, target.node));
    case 'never':
    case 'always':
      return ts.isIfStatement(target.node)
        ? replaced(target, branchOf(target.node, edit.kind === 'always'))
        : withValue(target, edit, () => String(edit.kind === 'always'));
    case 'value':
      return withValue(target, edit, (node) => filled(edit.code, node));
    case 'withoutFirst':
    case 'withoutLast':
      return withValue(target, edit, (node) => withoutOperand(target, edit, node));
    case 'toBefore':
    case 'toBehind':
      return moved(target, edit);
  }
}

function tagsIn(text: string): Tag[] {
  return [...text.matchAll(TAG)].map(({ 0: comment, 1: guard = '', index }) => {
    if (!NAME.test(guard))
      throw new Error(`a guard is named by two to five lower-case words, not "${guard}"`);
    return { guard, start: index, end: index + comment.length };
  });
}

function taggedIn(text: string, guard: string): Target {
  const tags = tagsIn(text).filter((each) => each.guard === guard);
  const [tag] = tags;
  if (!tag || tags.length > 1)
    throw new Error(`guard "${guard}" is tagged ${tags.length} times in its file, not once`);
  const node = nodeBehind(ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true), tag.end);
  if (!node) throw new Error(`guard "${guard}" tags nothing: no statement or class member begins behind it`);
  return { text, tag, node };
}

/** The outermost statement or class member that begins with the first token behind a place. */
function nodeBehind(source: ts.SourceFile, place: number): ts.Node | undefined {
  const visit = (node: ts.Node): ts.Node | undefined => {
    if (node.end <= place) return undefined;
    if (node.getStart() >= place && (ts.isStatement(node) || ts.isClassElement(node))) return node;
    return ts.forEachChild(node, visit);
  };
  const found = ts.forEachChild(source, visit);
  const between =
    found && ts.createScanner(ts.ScriptTarget.Latest, true, undefined, source.text, undefined, place);
  between?.scan();
  return between?.getTokenStart() === found?.getStart() ? found : undefined;
}

const isInList = ({ parent }: ts.Node) =>
  ts.isBlock(parent) || ts.isSourceFile(parent) || ts.isCaseOrDefaultClause(parent) || ts.isClassLike(parent);

function branchOf(node: ts.IfStatement, outcome: boolean): string {
  const branch = outcome ? node.thenStatement : node.elseStatement;
  return branch?.getText() ?? (isInList(node) ? '' : '{}');
}

/** The value of a statement: its condition, what it returns, or what it declares. */
function valueIn(node: ts.Node): ts.Expression | undefined {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isReturnStatement(node))
    return node.expression;
  if (ts.isForStatement(node)) return node.condition;
  if (ts.isVariableStatement(node)) return node.declarationList.declarations[0]?.initializer;
  return undefined;
}

function withValue({ text, tag, node }: Target, edit: Edit, change: (node: ts.Expression) => string): string {
  const expression = valueIn(node);
  if (!expression) throw misfit(tag, edit, 'an if, a while, a for, a return or a declaration');
  return spliced(text, expression.getStart(), expression.end, change(expression));
}

function withoutOperand({ tag }: Target, edit: Edit, node: ts.Expression): string {
  if (!ts.isBinaryExpression(node) || !OPERATIONS.includes(node.operatorToken.kind))
    throw misfit(tag, edit, 'an operation with &&, || or |');
  if (edit.kind === 'withoutLast') return node.left.getText();
  let first = node.left;
  let { right } = node;
  // Operations lean to the left: the first operand is the innermost.
  while (ts.isBinaryExpression(first) && first.operatorToken.kind === node.operatorToken.kind) {
    right = first.right;
    first = first.left;
  }
  return node.getSourceFile().text.slice(right.getStart(), node.end);
}

function moved(target: Target, edit: Edit & { kind: 'toBefore' | 'toBehind' }): string {
  const { text, tag, node } = target;
  const other = taggedIn(text, edit.guard);
  if (!isInList(node) || node.parent.getStart() !== other.node.parent.getStart())
    throw misfit(tag, edit, `a statement of the block of "${edit.guard}"`);
  const place = edit.kind === 'toBefore' ? other.tag.start : other.node.end;
  const code = `\n${text.slice(tag.start, node.end)}\n`;
  return place <= tag.start
    ? spliced(spliced(text, tag.start, node.end, ''), place, place, code)
    : spliced(spliced(text, place, place, code), tag.start, node.end, '');
}

function misfit({ guard }: Tag, { kind }: Edit, wanted: string): Error {
  return new Error(`"${kind}" does not fit what guard "${guard}" tags: it takes ${wanted}`);
}

const filled = (code: string, node: ts.Node) => code.replace(/(?<!\w)\$(?![\w{])/g, () => node.getText());
const replaced = ({ text, tag, node }: Target, code: string) => spliced(text, tag.start, node.end, code);
const spliced = (text: string, start: number, end: number, code: string) =>
  text.slice(0, start) + code + text.slice(end);
