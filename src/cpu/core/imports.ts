/** Functions outside the core, which `src/cpu/core.ts` provides. */
export declare function busRead(address: u64, bytes: i32): u64;
export declare function busWrite(address: u64, bytes: i32, value: u64): void;
export declare function registerRead(encoding: i32): u64;
export declare function registerWrite(encoding: i32, value: u64): void;
export declare function hypercall(immediate: i32): void;
