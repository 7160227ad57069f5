/** Input from a debugger: a packet, or Ctrl-C. */
export type GdbInput = { readonly packet: string } | 'interrupt';

const INTERRUPT = 3;
/** The longest accepted packet: the size that the stub reports, with every character escaped. */
const MOST_CHARACTERS = 2 * 0x8000;

/** The checksum of a packet's body: its bytes, summed modulo 256. */
export function checksum(body: string): string {
  let sum = 0;
  for (const byte of Buffer.from(body, 'latin1')) sum = (sum + byte) & 0xff;
  return sum.toString(16).padStart(2, '0');
}

/** Frames `body` as a packet. @see "Remote Protocol", GDB manual, appendix E */
export function frame(body: string): string {
  const escaped = body.replace(
    /[#$}*]/g,
    (special) => `}${String.fromCharCode(special.charCodeAt(0) ^ 0x20)}`,
  );
  return `$${escaped}#${checksum(escaped)}`;
}

/** Splits a stream into packets. Drops a packet with a wrong checksum, which the caller requests again. */
export class PacketReader {
  #rest = '';

  /** @param bad - called for each damaged packet */
  take(bytes: Uint8Array, bad: () => void): GdbInput[] {
    this.#rest += Buffer.from(bytes).toString('latin1');
    const found: GdbInput[] = [];
    for (;;) {
      if (this.#rest.charCodeAt(0) === INTERRUPT) {
        found.push('interrupt');
        this.#rest = this.#rest.slice(1);
        continue;
      }
      if (this.#rest !== '' && this.#rest[0] !== '$') {
        this.#rest = this.#rest.slice(1); // an acknowledgement, or noise
        continue;
      }
      const end = this.#rest.indexOf('#');
      if (end < 0 && this.#rest.length > MOST_CHARACTERS) {
        this.#rest = '';
        bad();
      }
      if (end < 0 || this.#rest.length < end + 3) return found;
      const body = this.#rest.slice(1, end);
      const sum = this.#rest.slice(end + 1, end + 3).toLowerCase();
      this.#rest = this.#rest.slice(end + 3);
      if (sum !== checksum(body)) bad();
      else
        found.push({
          packet: body.replace(/\}([\s\S])/g, (_, c: string) => String.fromCharCode(c.charCodeAt(0) ^ 0x20)),
        });
    }
  }
}
