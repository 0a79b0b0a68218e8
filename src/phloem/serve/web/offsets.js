// The server counts bytes of UTF-8, the page counts UTF-16 units.

export class Offsets {
  constructor(text) {
    this.text = text;
    this.units = null; // identity for ASCII
    if (/[^\x00-\x7f]/.test(text)) {
      const units = [];
      for (let i = 0; i < text.length; ) {
        const point = text.codePointAt(i);
        const bytes = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        for (let b = 0; b < bytes; b++) units.push(i);
        i += point > 0xffff ? 2 : 1;
      }
      units.push(text.length);
      this.units = Uint32Array.from(units);
    }
  }

  at(byte) {
    return this.units ? this.units[Math.min(byte, this.units.length - 1)] : byte;
  }

  slice(start, end) {
    return this.text.slice(this.at(start), this.at(end));
  }
}
