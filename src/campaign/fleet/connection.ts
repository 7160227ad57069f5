import type { Redis } from 'ioredis';
import { IrqError } from '../../base/irq-error.ts';
import { withoutPassword } from '../../base/without-password.ts';
import { fleetPackages } from './protocol.ts';

/** How long the first connection may take, ms. */
const CONNECT_MS = 10_000;
/** Between two tries to connect again, ms. */
const MOST_DELAY_MS = 2_000;

/**
 * Connects to a Redis server; afterwards a connection that breaks is made again, for as long as that takes.
 * @param url - with user and password, where the server wants them; `rediss:` for TLS
 * @throws IrqError `ERR_REDIS` where the first connection fails: the message has no password
 */
export async function connect(url: string): Promise<Redis> {
  const { Redis } = await fleetPackages();
  let hasConnected = false;
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    // BullMQ needs null: a command waits for the connection.
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (hasConnected ? Math.min(times * 100, MOST_DELAY_MS) : null),
  });
  let last = '';
  redis.on('error', ({ message }: Error) => {
    last = message;
  });
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    redis.disconnect();
    const why = last || (error as Error).message;
    throw new IrqError(
      'ERR_REDIS',
      `${withoutPassword(url)} cannot be reached: ${withoutPassword(why)}. Is a Redis server there, and are name and password right?`,
    );
  }
  hasConnected = true;
  return redis;
}

/** Sees whether a server can be reached, before anything is begun. @throws IrqError as {@link connect} */
export async function reach(url: string): Promise<void> {
  (await connect(url)).disconnect();
}
