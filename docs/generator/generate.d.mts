export function generate(out?: string): Promise<string[]>;
