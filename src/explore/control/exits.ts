import { IrqError } from '../../base/irq-error.ts';
import { framesAbove } from '../telling/sites.ts';

let refused: IrqError | undefined;

/**
 * From now on code in this thread that ends the process gets an error instead, which names the line. Code under test
 * may catch the error: {@link refusedExit} still says that there was one.
 */
export function refuseExit(): void {
  for (const name of ['exit', 'reallyExit', 'abort'] as const) {
    const refuse = (code?: unknown): never => {
      const [site] = framesAbove(refuse);
      refused ??= new IrqError(
        'ERR_SCENARIO',
        `the code under test calls process.${name}(${code === undefined ? '' : String(code)})${site === undefined ? '' : ` at ${site}`}: a thread ends by returning, or by throwing`,
      );
      throw refused;
    };
    Object.defineProperty(process, name, { value: refuse, configurable: true, writable: true });
  }
}

/** The error of the first call that {@link refuseExit} has refused. */
export function refusedExit(): IrqError | undefined {
  return refused;
}
