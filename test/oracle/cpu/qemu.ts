import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RAM_BYTES = 128 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

/** Builds the runner with Debian's cross compiler: its bytes, to be put at the start of RAM. */
export function assembleRunner(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'irqloom-runner-'));
  try {
    const source = new URL(
      import.meta.url.endsWith('.ts') ? 'runner.S' : '../../../../test/oracle/cpu/runner.S',
      import.meta.url,
    );
    const elf = join(folder, 'runner.elf');
    const bin = join(folder, 'runner.bin');
    const flags = ['-nostdlib', '-static', '-Wl,--build-id=none', '-Wl,-Ttext=0x40200000', '-o', elf];
    execute('aarch64-linux-gnu-gcc', [...flags, source.pathname]);
    execute('aarch64-linux-gnu-objcopy', ['-O', 'binary', '-j', '.text', elf, bin]);
    return readFileSync(bin);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function execute(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: TIMEOUT_MS });
  if (error || status !== 0) {
    const why = error?.message ?? stderr;
    throw new Error(`${command} failed: ${why} (Debian packages: qemu-system-arm, gcc-aarch64-linux-gnu)`);
  }
}

/** Runs RAM's contents on a QEMU until the runner says that it is done; returns what RAM holds then. */
export function runOnQemu(image: Uint8Array, cpu: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'irqloom-cases-'));
  const path = join(folder, 'ram');
  try {
    writeFileSync(path, image);
    truncateSync(path, RAM_BYTES);
    execute('qemu-system-aarch64', [
      ...[
        '-machine',
        'virt,memory-backend=ram',
        '-cpu',
        cpu,
        '-m',
        '128M',
        '-display',
        'none',
        '-nodefaults',
      ],
      ...['-object', `memory-backend-file,id=ram,size=128M,mem-path=${path},share=on`],
      ...['-device', 'loader,addr=0x40200000,cpu-num=0', '-semihosting-config', 'enable=on,target=native'],
    ]);
    return readFileSync(path).subarray(0, image.length);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
