import { moduleUrl } from '../../threads/user/user-module.ts';

/** Code of the user's own in a measurement. What is left out is the measurement's own. */
export type OwnOptions = {
  /** Paths of the modules: one exports `interrupt(cpu, intid)`, the other `run(device)`. */
  readonly guest?: string | undefined;
  readonly device?: string | undefined;
  /** Bytes that guests and devices see as `shared`, zero at first. */
  readonly sharedBytes: number;
};

/** The same, as threads are given it. */
export type OwnCode = {
  /** URLs of the modules. */
  readonly guest?: string;
  readonly device?: string;
  readonly shared: SharedArrayBuffer;
};

/** No code of the user's own. */
export const NO_OWN: OwnOptions = { sharedBytes: 0 };

/** @throws IrqError `ERR_FILE` for a module that is not there */
export function ownCode({ guest, device, sharedBytes }: OwnOptions): OwnCode {
  return {
    ...(guest === undefined ? {} : { guest: moduleUrl('guest', guest) }),
    ...(device === undefined ? {} : { device: moduleUrl('device', device) }),
    shared: new SharedArrayBuffer(sharedBytes),
  };
}

/** The modules as a result names them. */
export function ownNames({ guest, device }: OwnOptions): { guest?: string; device?: string } {
  return { ...(guest === undefined ? {} : { guest }), ...(device === undefined ? {} : { device }) };
}
