import { describe, expect, test } from 'vitest';
import { GPIO, RTC, UART } from '../../src/platform/memory-map.ts';
import { makePlatform } from './rig.ts';

const text = (words: string) => new TextEncoder().encode(words);

describe('the PL011', () => {
  test('passes on what is written, and interrupts for it while that is asked for', () => {
    const { platform, read, write, isUp } = makePlatform([]);
    for (const byte of text('hi')) write(UART.base, byte);
    expect(Buffer.from(platform.uart.takeOutput()).toString()).toBe('hi');
    expect(isUp(UART.pin)).toBe(false);
    write(UART.base + 0x38, 1 << 5);
    expect(isUp(UART.pin)).toBe(true);
    expect(read(UART.base + 0x40)).toBe(1 << 5);
    write(UART.base + 0x44, 1 << 5);
    expect(isUp(UART.pin)).toBe(false);
  });

  test('gives input in order, with its interrupt up until the last byte is read', () => {
    const { platform, read, write, isUp } = makePlatform([]);
    write(UART.base + 0x38, (1 << 4) | (1 << 6));
    expect(read(UART.base + 0x18) & (1 << 4)).not.toBe(0);
    expect(platform.uart.giveInput(text('ab'))).toBe(2);
    expect(isUp(UART.pin)).toBe(true);
    expect(read(UART.base)).toBe('a'.charCodeAt(0));
    expect(isUp(UART.pin)).toBe(true);
    expect(read(UART.base)).toBe('b'.charCodeAt(0));
    expect(isUp(UART.pin)).toBe(false);
  });

  test('says that it is full when the host takes nothing, and lets the guest go on when the host has taken some', () => {
    const { platform, read, write, isUp } = makePlatform([]);
    const isFull = () => (read(UART.base + 0x18) & (1 << 5)) !== 0;
    for (let byte = 0; byte < 0x1_0000; byte++) write(UART.base, byte & 0xff);
    expect(isFull()).toBe(true);
    write(UART.base + 0x44, 0x7ff);
    write(UART.base + 0x38, 1 << 5);
    expect(isUp(UART.pin)).toBe(false);
    expect(platform.uart.takeOutput()).toHaveLength(0x1_0000);
    expect(isFull()).toBe(false);
    expect(isUp(UART.pin)).toBe(true);
  });

  test('identifies itself as a PrimeCell of Arm', () => {
    const { read } = makePlatform([]);
    const id = Array.from({ length: 8 }, (_, index) => read(UART.base + 0xfe0 + 4 * index));
    expect(id).toEqual([0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });
});

describe('the PL031', () => {
  test("runs with the guest's time, from where it was set", () => {
    const { read, write } = makePlatform([]);
    expect(read(RTC.base)).toBe(1_000_007);
    write(RTC.base + 8, 5_000);
    expect(read(RTC.base)).toBe(5_000);
  });

  test('rings when it shows the match, for as long as the interrupt is asked for and not cleared', () => {
    const { platform, read, write, isUp, time } = makePlatform([]);
    const [MR, IMSC, RIS] = [RTC.base + 0x04, RTC.base + 0x10, RTC.base + 0x14];
    const [MIS, ICR] = [RTC.base + 0x18, RTC.base + 0x1c];
    write(MR, 1_000_010);
    expect(platform.rtc.due).toBe(10);
    write(IMSC, 1);
    time.seconds = 9;
    platform.rtc.keepUp();
    expect(read(RIS)).toBe(0);
    time.seconds = 10;
    platform.rtc.keepUp();
    expect([read(RIS), read(MIS), isUp(RTC.pin)]).toEqual([1, 1, true]);
    expect(platform.rtc.due).toBe(Number.POSITIVE_INFINITY);
    write(IMSC, 0);
    expect([read(RIS), read(MIS), isUp(RTC.pin)]).toEqual([1, 0, false]);
    write(IMSC, 1);
    write(ICR, 1);
    expect([read(RIS), isUp(RTC.pin)]).toEqual([0, false]);
  });

  test('rings at once at a match that it shows, later after it is set back, and a match that has passed waits for 136 years', () => {
    const { platform, read, write, time } = makePlatform([]);
    const [MR, LR, RIS] = [RTC.base + 4, RTC.base + 8, RTC.base + 0x14];
    write(MR, 1_000_007);
    expect(read(RIS)).toBe(1);
    write(MR, 1_000_000);
    expect(platform.rtc.due).toBe(Number.POSITIVE_INFINITY);
    write(LR, 999_990);
    expect(platform.rtc.due).toBe(17);
    time.seconds = 17;
    expect(read(RTC.base)).toBe(1_000_000);
  });

  test("identifies itself as the part of QEMU's board does", () => {
    const { read } = makePlatform([]);
    const id = Array.from({ length: 8 }, (_, index) => read(RTC.base + 0xfe0 + 4 * index));
    expect(id).toEqual([0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });
});

describe('the PL061', () => {
  test('interrupts for the power key, on the edge that is asked for', () => {
    const { platform, read, write, isUp } = makePlatform([]);
    const KEY = 1 << 3;
    write(GPIO.base + 0x40c, KEY);
    write(GPIO.base + 0x410, KEY);
    platform.gpio.powerKey(true);
    expect(isUp(GPIO.pin)).toBe(true);
    expect(read(GPIO.base + (KEY << 2))).toBe(KEY);
    write(GPIO.base + 0x41c, KEY);
    expect(isUp(GPIO.pin)).toBe(false);
    platform.gpio.powerKey(false);
    expect(isUp(GPIO.pin)).toBe(false);
  });
});

describe('an address without a device', () => {
  test('is refused, on either side of a device', () => {
    const { platform } = makePlatform([]);
    expect(platform.read(UART.base + UART.bytes, 4, 0)).toBeUndefined();
    expect(platform.read(UART.base - 4, 4, 0)).toBeUndefined();
    expect(platform.write(0x0b00_0000, 4, 0n, 0)).toBe(false);
  });
});
