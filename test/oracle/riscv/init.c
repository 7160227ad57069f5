/*
 * The /init of the RISC-V oracle's guest: drives the real /dev/kvm of the kernel that it runs on, by one command a line on the serial
 * console. Numbers are hexadecimal. A command prints one line that starts with "=". A line that starts with "!" says what went wrong.
 *
 *   N vcpus                     a new VM with vCPUs and no interrupt controller; the old one ends; no answer
 *   Y                           = the kernel's release
 *   C type                      = errno of KVM_CREATE_DEVICE
 *   V id                        = errno of KVM_CREATE_VCPU
 *   A call group attr value     = errno, value; call g, s or h of KVM_{GET,SET,HAS}_DEVICE_ATTR
 *   L irq level                 = errno of KVM_IRQ_LINE
 *   I address data flags        = errno, result of KVM_SIGNAL_MSI
 *   T n gsi type a b c d flags… = errno of KVM_SET_GSI_ROUTING with n entries
 *   E                           = an eventfd's number                 D fd value                 = errno of write(2)
 *   U fd                        = errno, count of read(2)
 *   K fd gsi flags resamplefd   = errno of KVM_IRQFD
 *   G cpu opcode a1 a2          = a0 after one instruction with a1 and a2, all ones less scause where it trapped
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#define RAM 0x80000000ull
#define RAM_BYTES (1ull << 20)
#define CODE(cpu) ((cpu) * 0x1000ull)
#define MAILBOX 0x800
#define EXIT_ADDRESS 0x0a000000ull
#define MOST_CPUS 16

static int kvm, vm = -1, cpus, vcpu[MOST_CPUS], aia = -1, run_bytes;
static struct kvm_run *run[MOST_CPUS];
static uint8_t *ram;

/* A vCPU runs this: a3 is its mailbox, a4 an address that exits to userspace. */
extern uint32_t guest_step[], guest_slot[], guest_trap[], guest_end[];
asm(".pushsection .rodata\n.option push\n.option norvc\n.option norelax\n.balign 4\n.globl guest_step, guest_slot, guest_trap, guest_end\n"
    "guest_step: ld a1, 0(a3)\n ld a2, 8(a3)\n fence.i\n"
    "guest_slot: nop\n"
    "1: sd a0, 0(a4)\n j guest_step\n"
    ".balign 4\nguest_trap: csrr a0, scause\n not a0, a0\n j 1b\n"
    "guest_end:\n.option pop\n.popsection\n");

static void set_reg(int cpu, uint64_t id, uint64_t value) {
  struct kvm_one_reg reg = { .id = KVM_REG_RISCV | KVM_REG_SIZE_U64 | id, .addr = (uint64_t)&value };
  if (ioctl(vcpu[cpu], KVM_SET_ONE_REG, &reg)) printf("! KVM_SET_ONE_REG %llx: %s\n", (unsigned long long)id, strerror(errno));
}
#define CORE(f) (KVM_REG_RISCV_CORE | KVM_REG_RISCV_CORE_REG(f))
#define CSR(f) (KVM_REG_RISCV_CSR | KVM_REG_RISCV_CSR_REG(f))

static int create_vcpu(uint64_t id) {
  int fd = ioctl(vm, KVM_CREATE_VCPU, id);
  if (fd < 0) return errno;
  int cpu = cpus++;
  vcpu[cpu] = fd;
  run[cpu] = mmap(0, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
  ioctl(fd, KVM_SET_MP_STATE, &runnable);
  memcpy(ram + CODE(cpu), guest_step, (guest_end - guest_step) * 4);
  set_reg(cpu, CORE(regs.pc), RAM + CODE(cpu));
  set_reg(cpu, CORE(regs.a3), RAM + CODE(cpu) + MAILBOX);
  set_reg(cpu, CORE(regs.a4), EXIT_ADDRESS);
  set_reg(cpu, CSR(stvec), RAM + CODE(cpu) + (guest_trap - guest_step) * 4);
  return 0;
}

static void new_vm(int n) {
  if (vm >= 0) {
    for (int i = 0; i < cpus; i++) { munmap(run[i], run_bytes); close(vcpu[i]); }
    for (int fd = 64; fd < 128; fd++) close(fd);
    if (aia >= 0) close(aia);
    close(vm);
  }
  cpus = 0, aia = -1;
  vm = ioctl(kvm, KVM_CREATE_VM, 0);
  struct kvm_userspace_memory_region slot = { .guest_phys_addr = RAM, .memory_size = RAM_BYTES, .userspace_addr = (uint64_t)ram };
  if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot)) printf("! memory: %s\n", strerror(errno));
  for (int i = 0; i < n; i++) create_vcpu(i);
}

static uint64_t step(int cpu, uint32_t opcode, uint64_t a1, uint64_t a2) {
  uint8_t *page = ram + CODE(cpu);
  uint64_t args[2] = { a1, a2 }, value = 0;
  memcpy(page + (guest_slot - guest_step) * 4, &opcode, 4);
  memcpy(page + MAILBOX, args, 16);
  __builtin___clear_cache((char *)page, (char *)page + 64);
  for (int tries = 0; tries < 100; tries++) {
    if (ioctl(vcpu[cpu], KVM_RUN, 0)) {
      if (errno == EINTR) continue;
      printf("! KVM_RUN: %s\n", strerror(errno));
      return 0;
    }
    if (run[cpu]->exit_reason == KVM_EXIT_MMIO && run[cpu]->mmio.is_write && run[cpu]->mmio.phys_addr == EXIT_ADDRESS) {
      memcpy(&value, run[cpu]->mmio.data, 8);
      return value;
    }
    printf("! exit %d at %llx\n", run[cpu]->exit_reason, (unsigned long long)run[cpu]->mmio.phys_addr);
    return 0;
  }
  printf("! the vCPU did not leave the guest\n");
  return 0;
}

static int set_routing(char *text) {
  int n = strtoul(text, &text, 16);
  struct kvm_irq_routing *table = calloc(1, sizeof *table + n * sizeof table->entries[0]);
  table->nr = n;
  for (int i = 0; i < n; i++) {
    struct kvm_irq_routing_entry *entry = &table->entries[i];
    entry->gsi = strtoul(text, &text, 16);
    entry->type = strtoul(text, &text, 16);
    uint32_t *words = (uint32_t *)&entry->u;
    for (int word = 0; word < 4; word++) words[word] = strtoul(text, &text, 16);
    entry->flags = strtoul(text, &text, 16);
  }
  int failed = ioctl(vm, KVM_SET_GSI_ROUTING, table) ? errno : 0;
  free(table);
  return failed;
}

static void obey(char *line) {
  unsigned long long a = 0, b = 0, c = 0, d = 0;
  char call = 0, *rest = line + 1;
  switch (line[0]) {
    case 'N': sscanf(rest, "%llx", &a); new_vm(a); return;
    case 'Y': { struct utsname name; uname(&name); printf("= %s\n", name.release); return; }
    case 'V': sscanf(rest, "%llx", &a); printf("= %d\n", create_vcpu(a)); return;
    case 'C': {
      sscanf(rest, "%llx", &a);
      struct kvm_create_device made = { .type = a };
      int failed = ioctl(vm, KVM_CREATE_DEVICE, &made) ? errno : 0;
      if (!failed) aia = made.fd;
      printf("= %d\n", failed);
      return;
    }
    case 'A': {
      sscanf(rest, " %c %llx %llx %llx", &call, &a, &b, &c);
      uint64_t value = c;
      struct kvm_device_attr each = { .group = a, .attr = b, .addr = (uint64_t)&value };
      int r = ioctl(aia, call == 'g' ? KVM_GET_DEVICE_ATTR : call == 's' ? KVM_SET_DEVICE_ATTR : KVM_HAS_DEVICE_ATTR, &each);
      printf("= %d %llx\n", r ? errno : 0, (unsigned long long)value);
      return;
    }
    case 'L': {
      sscanf(rest, "%llx %llx", &a, &b);
      struct kvm_irq_level level = { .irq = a, .level = b };
      printf("= %d\n", ioctl(vm, KVM_IRQ_LINE, &level) < 0 ? errno : 0);
      return;
    }
    case 'I': {
      sscanf(rest, "%llx %llx %llx", &a, &b, &c);
      struct kvm_msi msi = { .address_lo = a, .address_hi = a >> 32, .data = b, .flags = c };
      int r = ioctl(vm, KVM_SIGNAL_MSI, &msi);
      printf("= %d %d\n", r < 0 ? errno : 0, r < 0 ? 0 : r);
      return;
    }
    case 'T': printf("= %d\n", set_routing(rest)); return;
    case 'E': { int fd = eventfd(0, EFD_NONBLOCK), moved = fcntl(fd, F_DUPFD, 64); close(fd); printf("= %x\n", moved); return; }
    case 'D': { sscanf(rest, "%llx %llx", &a, &b); uint64_t value = b; printf("= %d\n", write(a, &value, 8) < 0 ? errno : 0); return; }
    case 'U': { sscanf(rest, "%llx", &a); uint64_t value = 0; int r = read(a, &value, 8); printf("= %d %llx\n", r < 0 ? errno : 0, (unsigned long long)value); return; }
    case 'K': {
      sscanf(rest, "%llx %llx %llx %llx", &a, &b, &c, &d);
      struct kvm_irqfd irqfd = { .fd = a, .gsi = b, .flags = c, .resamplefd = d };
      printf("= %d\n", ioctl(vm, KVM_IRQFD, &irqfd) ? errno : 0);
      return;
    }
    case 'G': sscanf(rest, "%llx %llx %llx %llx", &a, &b, &c, &d); printf("= %llx\n", (unsigned long long)step(a, b, c, d)); return;
    default: printf("! unknown command %s\n", line);
  }
}

int main(void) {
  mkdir("/dev", 0755);
  mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
  int fd = open("/dev/ttyS0", O_RDWR);
  dup2(fd, 0), dup2(fd, 1), dup2(fd, 2);
  struct termios raw;
  tcgetattr(0, &raw);
  cfmakeraw(&raw);
  tcsetattr(0, TCSANOW, &raw);
  setvbuf(stdout, 0, _IOLBF, 0);
  int module = open("/kvm.ko", O_RDONLY);
  if (module >= 0 && syscall(SYS_finit_module, module, "", 0)) printf("! kvm.ko: %s\n", strerror(errno));
  kvm = open("/dev/kvm", O_RDWR);
  ram = mmap(0, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  run_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  printf("= %s %d\n", kvm < 0 ? strerror(errno) : "ready", run_bytes);
  static char line[1 << 16];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\r\n")] = 0;
    if (line[0]) obey(line);
  }
  for (;;) pause();
}
