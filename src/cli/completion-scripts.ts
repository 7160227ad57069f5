export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** A flag, and its value: none, a path, one of some words, or a text without completion. */
export type FlagWords = {
  readonly long: string;
  readonly short: string | undefined;
  readonly about: string;
  readonly value: 'none' | 'path' | 'any' | readonly string[];
};

/** A command, with its flags and the words of its arguments; without such words the arguments are paths. */
export type CommandWords = {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly FlagWords[];
  readonly values: readonly string[];
};

/** The completion script for a shell. */
export function scriptFor(shell: Shell, commands: readonly CommandWords[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

const namesOf = ({ long, short }: FlagWords) => (short === undefined ? [long] : [short, long]);

/** The first clause: a menu has room for so much. */
const brief = (about: string) => about.split(/[;:\n]| \(default/, 1)[0] ?? '';

function bashScript(commands: readonly CommandWords[]): string {
  const afterFlag = commands.flatMap(({ name, flags }) =>
    flags.flatMap((flag) => {
      const { value } = flag;
      if (value === 'none') return [];
      const does =
        value === 'any'
          ? ''
          : value === 'path'
            ? '_irqloom_paths "$word"; '
            : `_irqloom_words '${value.join(' ')}' "$word"; `;
      const pattern = namesOf(flag).map((each) => `'${name} ${each}'`);
      return [`    ${pattern.join('|')}) ${does}return ;;`];
    }),
  );
  const flagsOf = commands.map(
    ({ name, flags, values }) =>
      `    ${name}) flags='${flags.flatMap(namesOf).join(' ')}'${values.length === 0 ? '' : ` values='${values.join(' ')}'`} ;;`,
  );
  return `# irqloom in bash: source <(irqloom completion bash)
_irqloom_words() { COMPREPLY=($(compgen -W "$1" -- "$2")); }
_irqloom_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$1"))
}
_irqloom() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} flags='' values=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    _irqloom_words '${[...commands.map(({ name }) => name), 'help', '--help', '--version'].join(' ')}' "$word"
    return
  fi
  case "$command $before" in
${afterFlag.join('\n')}
  esac
  case "$command" in
    help) values='${commands.map(({ name }) => name).join(' ')}' ;;
${flagsOf.join('\n')}
  esac
  case "$word" in
    -*) _irqloom_words "$flags" "$word" ;;
    *) if [ -n "$values" ]; then _irqloom_words "$values" "$word"; else _irqloom_paths "$word"; fi ;;
  esac
}
complete -F _irqloom irqloom
`;
}

/** A word of a specification of zsh's _arguments, within single quotes. */
const zshText = (text: string) => text.replace(/[\\[\]:]/g, '\\$&').replaceAll("'", "'\\''");

function zshScript(commands: readonly CommandWords[]): string {
  const specOf = (flag: FlagWords) => {
    const { long, short, about, value } = flag;
    const follows =
      value === 'none'
        ? ''
        : value === 'path'
          ? ':path:_files'
          : value === 'any'
            ? ':value: '
            : `:value:(${value.join(' ')})`;
    const said = `[${zshText(brief(about))}]${follows}`;
    return short === undefined ? `'${long}${said}'` : `'(${short} ${long})'{${short},${long}}'${said}'`;
  };
  const cases = commands.map(
    ({ name, flags, values }) => `    ${name})
      _arguments \\
${flags.map((flag) => `        ${specOf(flag)} \\`).join('\n')}
        '*:argument:${values.length === 0 ? '_files' : `(${values.join(' ')})`}'
      ;;`,
  );
  return `#compdef irqloom
# irqloom in zsh: source <(irqloom completion zsh), after compinit
_irqloom() {
  local -a commands
  commands=(
${commands.map(({ name, about }) => `    '${name}:${zshText(brief(about))}'`).join('\n')}
    'help:show the help of a command'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
    help) _describe command commands ;;
  esac
}
if [ "$funcstack[1]" = _irqloom ]; then _irqloom "$@"; else compdef _irqloom irqloom; fi
`;
}

const fishText = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;

function fishScript(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, about, flags, values }) => {
    const within = `complete -c irqloom -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c irqloom -n __fish_use_subcommand -a ${name} -d ${fishText(brief(about))}`,
      values.length === 0 ? `${within} -F` : `${within} -a ${fishText(values.join(' '))}`,
      ...flags.map(({ long, short, about: says, value }) => {
        const follows =
          value === 'none'
            ? ''
            : value === 'path'
              ? ' -r -F'
              : value === 'any'
                ? ' -x'
                : ` -x -a ${fishText(value.join(' '))}`;
        const letter = short === undefined ? '' : ` -s ${short.slice(1)}`;
        return `${within} -l ${long.slice(2)}${letter}${follows} -d ${fishText(brief(says))}`;
      }),
    ];
  });
  return `# irqloom in fish: irqloom completion fish > ~/.config/fish/completions/irqloom.fish
complete -c irqloom -f
complete -c irqloom -n __fish_use_subcommand -a help -d 'show the help of a command'
complete -c irqloom -n __fish_use_subcommand -l version -d 'print the version'
${lines.join('\n')}
`;
}
