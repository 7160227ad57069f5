import { createServer, type Socket } from 'node:net';
import { IrqError } from '../../base/irq-error.ts';
import { frame, type GdbInput, PacketReader } from './packet.ts';
import { GdbStub } from './stub.ts';
import type { GdbTarget } from './target.ts';

/** Callbacks of a session. */
export type GdbWatch = {
  /** Called when a debugger can connect. */
  readonly listening: (port: number) => void;
  /** True ends the session. */
  readonly isOver: () => boolean;
};

/**
 * Waits for a debugger on a port of the loopback interface, and serves it until it detaches, kills the guest, or the guest ends. Until
 * a debugger connects, the guest stands at its first instruction.
 * @returns whether the guest continues without a debugger
 * @throws IrqError `ERR_USAGE` if the port is in use
 */
export async function serveGdb(target: GdbTarget, port: number, watch: GdbWatch): Promise<boolean> {
  const server = createServer({ noDelay: true });
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new IrqError('ERR_USAGE', `--gdb ${port}: cannot listen there: ${cause.message}`, { cause }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  watch.listening(typeof address === 'object' && address !== null ? address.port : port);
  let timer: NodeJS.Timeout | undefined;
  const abandoned = new Promise<undefined>((resolve) => {
    timer = setInterval(() => {
      if (watch.isOver()) resolve(undefined);
    }, 100);
  });
  try {
    const socket = await Promise.race([connected, abandoned]);
    clearInterval(timer);
    return socket === undefined ? false : await serve(socket, new GdbStub(target), watch);
  } finally {
    clearInterval(timer);
    server.close();
  }
}

async function serve(socket: Socket, stub: GdbStub, watch: GdbWatch): Promise<boolean> {
  const reader = new PacketReader();
  const inputs: GdbInput[] = [];
  let closed = false;
  let wake: () => void = () => undefined;
  socket.on('data', (bytes) => {
    for (const input of reader.take(bytes, () => socket.write('-'))) {
      if (input !== 'interrupt') socket.write('+');
      inputs.push(input);
    }
    wake();
  });
  for (const event of ['close', 'error'] as const)
    socket.on(event, () => {
      closed = true;
      wake();
    });
  const send = (body: string) => socket.write(frame(body));
  let running = false;
  try {
    while (!closed && !watch.isOver()) {
      const input = inputs.shift();
      if (input === 'interrupt') {
        if (running) send(stub.stopped('interrupt', stub.current));
        running = false;
      } else if (input !== undefined) {
        const reply = stub.handle(input.packet);
        if (reply === 'killed') return false;
        if (reply === 'detached') {
          send('OK');
          return true;
        }
        if (reply === 'run') running = true;
        else send(reply.answer);
      } else if (running) {
        const stopped = stub.run();
        if (stopped === undefined) {
          await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        running = false;
        send(stopped);
        if (stopped.startsWith('W')) return false;
      } else
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, 100);
        });
    }
    return closed;
  } finally {
    // A debugger that neither reads nor closes its end must not keep the process alive.
    socket.end(() => socket.destroy());
    socket.unref();
  }
}
