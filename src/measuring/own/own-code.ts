import { moduleUrl } from '../../threads/user/user-module.ts';

/** The user's modules in a measurement. The measurement's own guest or device replaces an absent module. */
export type OwnOptions = {
  /** Paths of the modules: one exports `interrupt(cpu, intid)`, the other `run(device)`. */
  readonly guest?: string | undefined;
  readonly device?: string | undefined;
  /** Bytes that guests and devices see as `shared`, zero at first. */
  readonly sharedBytes: number;
};

/** {@link OwnOptions} resolved for threads. */
export type OwnCode = {
  /** URLs of the modules. */
  readonly guest?: string;
  readonly device?: string;
  readonly shared: SharedArrayBuffer;
};

/** No user modules. */
export const NO_OWN: OwnOptions = { sharedBytes: 0 };

/** Resolves the modules. @throws IrqError `ERR_FILE` if a module does not exist */
export function ownCode({ guest, device, sharedBytes }: OwnOptions): OwnCode {
  return {
    ...(guest === undefined ? {} : { guest: moduleUrl('guest', guest) }),
    ...(device === undefined ? {} : { device: moduleUrl('device', device) }),
    shared: new SharedArrayBuffer(sharedBytes),
  };
}

/** The modules' names in a result. */
export function ownNames({ guest, device }: OwnOptions): { guest?: string; device?: string } {
  return { ...(guest === undefined ? {} : { guest }), ...(device === undefined ? {} : { device }) };
}
