/** Number of a VM of a vector. */
export type VmNumber = 0 | 1;

/** The VMs that a vector's steps act on. All are alike; the VMs share nothing. */
export type VectorMachine = {
  /** vCPUs of each VM. */
  readonly cpus: number;
  readonly itses: 1 | 2;
  readonly vms: 1 | 2;
};
