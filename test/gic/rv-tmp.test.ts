import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { conform } from '../../src/conformance/conform.ts';
import { parseVector } from '../../src/conformance/vectors/vector-language.ts';
import { PlainGic } from './plain-model.ts';
import { caseOf, compareOrTell, filesIn, sequence } from './register-vectors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'irqloom-registers-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the machine and the plain model, by vectors', () => {
  test.each(['kvm', 'qemu'] as const)(
    'agree on any sequence, as %s',
    (profile) => {
      fc.assert(
        fc.property(sequence, (deeds) => compareOrTell(caseOf(deeds, profile), profile)),
        { seed: -68799380, path: "92:3:0:0:3:9:10:16:15:15:15:15:15:18:18:20:21:13:13:13", endOnFailure: true },
      );
    },
    120_000,
  );

  /** Models with one thing wrong. */
  const wrong = {
    'a level that is forgotten when its interrupt is taken': class extends PlainGic {
      override acknowledge(vcpu: number, group: 0 | 1): number {
        const intid = super.acknowledge(vcpu, group);
        const irq = this.find(vcpu, intid);
        if (irq) irq.line = false;
        return intid;
      }
    },
    'a priority mask that lets its own priority through': class extends PlainGic {
      override signalled(vcpu: number): 0 | 1 | undefined {
        const cpu = this.cpus[vcpu];
        if (!cpu) return undefined;
        cpu.pmr++;
        const group = super.signalled(vcpu);
        cpu.pmr--;
        return group;
      }
    },
    'an end that leaves the interrupt active': class extends PlainGic {
      override endOfInterrupt(vcpu: number, intid: number, group: 0 | 1): void {
        const irq = this.find(vcpu, intid);
        const wasActive = irq?.active ?? false;
        super.endOfInterrupt(vcpu, intid, group);
        if (irq) irq.active = wasActive;
      }
    },
  } as const;

  test.each(Object.entries(wrong))(
    'differ over %s; what is printed is a vector, on which `conform` differs',
    (_, Model) => {
      const property = fc.property(sequence, (deeds) => compareOrTell(caseOf(deeds, 'kvm', Model), 'kvm'));
      const found = fc.check(property, { numRuns: 1000, seed: 20_150_618 });
      expect(found.failed).toBe(true);
      expect(found.counterexample?.[0].length).toBeLessThanOrEqual(8);
      const { vector, expected } = filesIn(String(found.errorInstance));
      expect(parseVector(vector, 'found.vec').steps.length).toBeGreaterThan(10);
      const path = join(scratch, 'found.vec');
      writeFileSync(path, vector);
      writeFileSync(join(scratch, 'found.expected.jsonl'), expected);
      expect(conform([path], 'kvm').differ).toBeGreaterThan(0);

      // The same sequence, answered by the model as it is.
      const right = caseOf(found.counterexample?.[0] ?? [], 'kvm');
      expect(right.text).toBe(vector);
      expect(() => compareOrTell(right, 'kvm')).not.toThrow();
    },
    120_000,
  );
});
