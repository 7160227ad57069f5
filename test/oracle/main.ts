if (!process.argv.includes('--cpu')) {
  process.stderr.write('oracle: say what to compare: --cpu, the AArch64 core with QEMU\n');
  process.exit(2);
}
await import('./cpu/main.ts');
