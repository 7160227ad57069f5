/** Whether the source of a class has a private name outside its comments and strings. */
export function hasPrivateNames(source: string): boolean {
  if (!source.includes('#')) return false;
  const code = source
    .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, ' ')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\$]|\\.)*`/g, "''");
  return /(?:^|[\s;{}(.!,])#[\p{ID_Start}$_]/u.test(code);
}
