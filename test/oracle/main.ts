// Two oracles: the AArch64 core is asked beside QEMU (--cpu), everything else beside the KVM of a real kernel.
if (process.argv.includes('--cpu')) await import('./cpu/main.ts');
else await import('./kvm.ts');
