// sharedmap 1.2.0: `get` of a key that is chained behind another holds the lock of its line and takes a later one. A `set`
// whose chain comes round the end of the table holds the last line and takes the first.
import SharedMap from 'sharedmap';

// The package asks keys for their hash: here the digit of a key says in which line it lies.
Object.defineProperty(String.prototype, 'hash', { value: (key) => Number(key[1]) });

export default {
  name: 'sharedmap',
  setup() {
    const map = new SharedMap(4, 4, 4);
    // b0 goes to the first free line behind a0, which is the last.
    for (const key of ['a0', 'f1', 'f2', 'b0']) map.set(key, 'v');
    map.delete('f2');
    return map;
  },
  threads: {
    reader: (map) => {
      map.get('b0');
    },
    writer: (map) => {
      map.set('c3', 'w');
    },
  },
};
