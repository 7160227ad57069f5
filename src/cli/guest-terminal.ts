import type { GuestBoard } from '../boot/guest-board.ts';

/** Ctrl-A, and the key that ends the run after Ctrl-A; Ctrl-A twice gives the guest one. */
const ESCAPE = 1;
const QUIT = 'x'.charCodeAt(0);
/** How often to try again while the guest has no room for input, ms. */
const RETRY_MS = 10;

/**
 * Gives the guest's console the input of a terminal or a pipe. At a terminal every key goes to the guest but Ctrl-A x.
 * @returns a function that gives the terminal back
 */
export function attachTerminal(board: GuestBoard, quit: () => void): () => void {
  const { stdin } = process;
  const isTerminal = stdin.isTTY === true;
  let waiting: number[] = [];
  let escaped = false;
  const give = () => {
    const given = board.platform.uart.giveInput(Uint8Array.from(waiting));
    waiting = waiting.slice(given);
  };
  const take = (bytes: Uint8Array) => {
    for (const byte of bytes) {
      if (isTerminal && escaped) {
        escaped = false;
        if (byte === QUIT) quit();
        else waiting.push(byte);
      } else if (isTerminal && byte === ESCAPE) escaped = true;
      else waiting.push(byte);
    }
    give();
  };
  const retry = setInterval(() => {
    if (waiting.length > 0) give();
  }, RETRY_MS);
  if (isTerminal) stdin.setRawMode(true);
  stdin.on('data', take);
  // Input that never comes keeps no process alive; a file has nothing to let go of.
  if ('unref' in stdin) stdin.unref();
  return () => {
    clearInterval(retry);
    stdin.off('data', take);
    if (isTerminal) stdin.setRawMode(false);
    stdin.pause();
  };
}
