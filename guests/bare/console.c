// PL011 output, and the two ways out: semihosting where the command line says so, else PSCI.
#include "board.h"

#define UART_DR 0x00
#define UART_FR 0x18
#define UART_FR_TXFF 0x20

#define PSCI_SYSTEM_OFF 0x84000008ul
#define SYS_EXIT_EXTENDED 0x20ul
#define APPLICATION_EXIT 0x20026ul

static void put(char c) {
  while (read32(UART + UART_FR) & UART_FR_TXFF) pause_vcpu();
  write32(UART + UART_DR, (uint8_t)c);
}

void print(const char *text) {
  for (; *text; text++) {
    if (*text == '\n') put('\r');
    put(*text);
  }
}

void print_number(uint64_t value) {
  char digits[21];
  unsigned at = sizeof digits;
  digits[--at] = 0;
  do digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  print(&digits[at]);
}

void print_hex(uint64_t value) {
  print("0x");
  int shift = 60;
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) put("0123456789abcdef"[(value >> shift) & 15]);
}

_Noreturn void power_off(unsigned status) {
  const uint64_t block[2] = {APPLICATION_EXIT, status};
  print("guest: exit status ");
  print_number(status);
  print("\n");
  if (flag("semihosting")) semihost(SYS_EXIT_EXTENDED, block);
  hvc(PSCI_SYSTEM_OFF, 0, 0, 0);
  for (;;) wait_for_interrupt();
}
