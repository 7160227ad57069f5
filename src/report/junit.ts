/** One check of a run, as a test of a JUnit report. At most one of `failure` and `error` is there. */
export type JUnitCase = {
  readonly name: string;
  /** The subject of the check: `irqloom.stress`, or the file of a scenario. */
  readonly about: string;
  readonly seconds?: number;
  /** The property does not hold. */
  readonly failure?: JUnitText;
  /** There is no answer. */
  readonly error?: JUnitText;
};

/** A line that names the fault, and the whole text. */
export type JUnitText = { readonly message: string; readonly text: string };

export type JUnitSuite = {
  /** The command: `irqloom stress`. */
  readonly name: string;
  readonly cases: readonly JUnitCase[];
  readonly seconds: number;
  /** The properties that repeat the run: seed, configuration. */
  readonly properties?: Readonly<Record<string, string | number>>;
};

/**
 * A result in the XML that CI servers read: one suite, a `testcase` for each check.
 * @see the schema of Jenkins' JUnit plugin, which GitLab and others follow
 */
export function junitXml(suite: JUnitSuite): string {
  const { name, cases, seconds, properties = {} } = suite;
  const count = (kind: 'failure' | 'error') => cases.filter((each) => each[kind] !== undefined).length;
  const counts = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" time="${seconds.toFixed(3)}"`;
  const named = Object.entries(properties).map(
    ([key, value]) => `      <property name="${attribute(key)}" value="${attribute(String(value))}"/>`,
  );
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${attribute(name)}" ${counts}>`,
    `  <testsuite name="${attribute(name)}" ${counts}>`,
    ...(named.length === 0 ? [] : ['    <properties>', ...named, '    </properties>']),
    ...cases.map(caseXml),
    '  </testsuite>',
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function caseXml({ name, about, seconds, failure, error }: JUnitCase): string {
  const time = seconds === undefined ? '' : ` time="${seconds.toFixed(3)}"`;
  const head = `    <testcase name="${attribute(name)}" classname="${attribute(about)}"${time}`;
  const said = failure ?? error;
  if (said === undefined) return `${head}/>`;
  const tag = failure === undefined ? 'error' : 'failure';
  return `${head}>\n      <${tag} message="${attribute(said.message)}">${content(said.text)}</${tag}>\n    </testcase>`;
}

/** Characters that XML 1.0 has no way to write, surrogates without their other half among them. */
const UNWRITABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters in question
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

const writable = (text: string) => text.replace(UNWRITABLE, '\ufffd');

/** Within double quotes: a reader would make blanks of line ends and tabs, so they are written as numbers. */
function attribute(text: string): string {
  return writable(text).replace(/[&<>"\t\n\r]/g, (character) => ENTITIES[character] ?? character);
}

/** Between tags. */
function content(text: string): string {
  return writable(text).replace(/[&<>\r]/g, (character) => ENTITIES[character] ?? character);
}
