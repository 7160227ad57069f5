/**
 * A vCPU's block of the shared memory: byte offsets from its start, 64-byte aligned. The interpreter (WebAssembly) and
 * its users (TypeScript) both compile this file. A snapshot copies the architectural state, which comes first; the caches
 * after it may be dropped at any time between two runs.
 */

/** X0 to X30, 8 bytes each. Slot 31 reads as zero, slot 32 absorbs writes to XZR, slot 33 is the current SP. */
export const X = 0x000;
export const SP = 0x108;
export const PC = 0x110;
/** SPSR's format: NZCV 31:28, SS 21, IL 20, DAIF 9:6, EL 3:2, SPSel 0. */
export const PSTATE = 0x118;
/** SP_EL0 and SP_EL1; the current SP is in slot 33 instead. */
export const SP_EL0 = 0x120;
export const SP_EL1 = 0x128;

/** Instructions so far, 64 bits, including those that took an exception. */
export const INSTRUCTIONS = 0x130;
/** Level of the interrupt line from the GIC, 0 or 1, 32 bits. */
export const IRQ = 0x138;
/** An import stores non-zero to end the run after the current instruction, 32 bits. */
export const STOP = 0x13c;
/** Synchronous exceptions, and interrupts, taken so far; 64 bits each. */
export const EXCEPTIONS = 0x140;
export const INTERRUPTS = 0x148;
/** Option bits, 32 bits: OPTION_* below. */
export const OPTIONS = 0x150;
/** An import that refuses an access stores 1 here, 32 bits: the guest takes an exception. */
export const REFUSED = 0x154;
/** MPIDR_EL1 is an identity of the vCPU: written when the core is made. */
export const MPIDR = 0x158;

/** Local exclusive monitor: virtual address (all ones: open), and the value that was read. */
export const EXCLUSIVE_AT = 0x160;
export const EXCLUSIVE_LOW = 0x170;
export const EXCLUSIVE_HIGH = 0x178;

/** System registers that are state, 8 bytes each. */
export const SCTLR_EL1 = 0x180;
export const CPACR_EL1 = 0x188;
export const TTBR0_EL1 = 0x190;
export const TTBR1_EL1 = 0x198;
export const TCR_EL1 = 0x1a0;
export const MAIR_EL1 = 0x1a8;
export const AMAIR_EL1 = 0x1b0;
export const VBAR_EL1 = 0x1b8;
export const ESR_EL1 = 0x1c0;
export const FAR_EL1 = 0x1c8;
export const ELR_EL1 = 0x1d0;
export const SPSR_EL1 = 0x1d8;
export const AFSR0_EL1 = 0x1e0;
export const AFSR1_EL1 = 0x1e8;
export const PAR_EL1 = 0x1f0;
export const CONTEXTIDR_EL1 = 0x1f8;
export const TPIDR_EL0 = 0x200;
export const TPIDRRO_EL0 = 0x208;
export const TPIDR_EL1 = 0x210;
export const CNTKCTL_EL1 = 0x218;
export const CSSELR_EL1 = 0x220;
export const ACTLR_EL1 = 0x228;
export const MDSCR_EL1 = 0x230;
export const OSLAR_EL1 = 0x238;
export const OSDLR_EL1 = 0x240;
export const MDCCINT_EL1 = 0x248;
/** The generic timer's state: used outside the core, stored here so that snapshots include it. */
export const CNTV_CTL_EL0 = 0x250;
export const CNTV_CVAL_EL0 = 0x258;
export const CNTP_CTL_EL0 = 0x260;
export const CNTP_CVAL_EL0 = 0x268;
/** How many WFE and YIELD pass before one ends the run, 32 bits. */
export const SPINS = 0x270;
/** DBGBVR0 and 1, DBGBCR0 and 1, DBGWVR0 and 1, DBGWCR0 and 1, 8 bytes each. */
export const DBG_REGISTERS = 0x280;

/** V0 to V31, 16 bytes each; then FPCR and FPSR, 32 bits each. */
export const V = 0x400;
export const FPCR = 0x600;
export const FPSR = 0x604;

/** Stores that other vCPUs do not see yet (weak memory): their number, then 16 bytes each. */
export const STORES = 0x610;
export const STORE_ENTRIES = 0x620;
export const STORE_SLOTS = 32;

/** Watched accesses of the last run (see `watch.ts`): their number, then a word each: byte offset in RAM, bit 0 set for a write. */
export const SEEN = 0x820;
export const SEEN_ENTRIES = 0x824;
export const SEEN_SLOTS = 16;

/** Scratch space in which SIMD operations build a result; unused between instructions. */
export const SCRATCH = 0x900;

/** Bytes of the architectural state. */
export const STATE_BYTES = 0x1000;

/** Software TLB: reads, writes, fetches; 16 bytes an entry: tag (64 bits), addend (32 bits). */
export const TLB_ENTRIES = 1024;
export const TLB_READ = 0x1000;
export const TLB_WRITE = 0x5000;
export const TLB_FETCH = 0x9000;
/** Decoded instructions, 16 bytes each, found by address and checked by their word. */
export const DECODED = 0xd000;
export const DECODED_ENTRIES = 0x10000;
/** Bytes of a vCPU's block. */
export const BLOCK_BYTES = 0x10d000;

/** BRK ends the run (`EXIT_BREAK`) instead of taking an exception: for debuggers. */
export const OPTION_BREAKS = 1;
/** HLT 0xf000 ends the run (`EXIT_SEMIHOSTING`). */
export const OPTION_SEMIHOSTING = 2;
/** Stores pass a store buffer. */
export const OPTION_STORE_BUFFER = 4;

/** Why a run ended. */
export const EXIT_LIMIT = 0;
export const EXIT_WFI = 1;
export const EXIT_WFE = 2;
export const EXIT_YIELD = 3;
export const EXIT_STOP = 4;
export const EXIT_BREAK = 5;
export const EXIT_SEMIHOSTING = 6;
