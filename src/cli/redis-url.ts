import { IrqError } from '../base/irq-error.ts';
import { withoutPassword } from '../base/without-password.ts';

const VARIABLE = 'IRQLOOM_REDIS_URL';

/**
 * The URL of a Redis server as `--redis` gives it; `env` takes the URL from the environment, which no list of processes
 * shows.
 * @throws IrqError `ERR_USAGE` for no such URL; the message leaves the password out
 */
export function redisUrl(given: string): string {
  const url = given === 'env' ? process.env[VARIABLE] : given;
  if (url === undefined)
    throw new IrqError('ERR_USAGE', `--redis env takes the URL from ${VARIABLE}, which is not set`);
  if (/^rediss?:\/\/./.test(url) && URL.canParse(url)) return url;
  throw new IrqError(
    'ERR_USAGE',
    `--redis ${withoutPassword(url)} is no URL of a Redis server; right would be redis://HOST:6379, or rediss:// with TLS`,
  );
}
