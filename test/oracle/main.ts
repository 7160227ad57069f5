// Two oracles: the AArch64 core is asked beside QEMU (--cpu), everything else beside the KVM of a real kernel.
await import(process.argv.includes('--cpu') ? './cpu/main.ts' : './kvm.ts');
