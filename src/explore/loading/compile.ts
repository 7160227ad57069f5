import { constants, Script } from 'node:vm';

/**
 * Compiles an expression that is a function, in this thread's own world of globals.
 * @param name - the name of the code in stacks.
 * @throws SyntaxError
 */
export function compile<F>(expression: string, name: string): F {
  const script = new Script(expression, {
    filename: name,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return script.runInThisContext() as F;
}
