import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The part of JSON Schema that our results need. */
export type Schema = {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | false;
};

/** Types whose numbers JSON has as null where they are not finite: what was not measured, and bounds without an end. */
const OPEN = new Set(['CalibrationFigures', 'Bounds']);

/** Makes the schemas of the types that one type alias of a file has as its properties. */
export class SchemaMaker {
  readonly definitions: Record<string, Schema> = {};
  readonly #checker: ts.TypeChecker;
  readonly #file: ts.SourceFile;
  readonly #names = new Map<ts.Type, string>();

  constructor(path: string) {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT, { incremental: false });
    delete options.tsBuildInfoFile;
    const program = ts.createProgram([path], options);
    const file = program.getSourceFile(path);
    if (file === undefined) throw new Error(`no file ${path}`);
    this.#file = file;
    this.#checker = program.getTypeChecker();
  }

  /** The schema of each property of a type alias. */
  propertiesOf(alias: string): Record<string, Schema> {
    const declaration = this.#file.statements.find(
      (statement): statement is ts.TypeAliasDeclaration =>
        ts.isTypeAliasDeclaration(statement) && statement.name.text === alias,
    );
    if (declaration === undefined) throw new Error(`no type ${alias}`);
    const type = this.#checker.getTypeAtLocation(declaration.name);
    return Object.fromEntries(
      this.#checker
        .getPropertiesOfType(type)
        .map((property) => [property.name, this.#of(this.#checker.getTypeOfSymbol(property), false)]),
    );
  }

  #of(type: ts.Type, isOpen: boolean): Schema {
    const { flags } = type;
    if (flags & ts.TypeFlags.StringLiteral) return { const: (type as ts.StringLiteralType).value };
    if (flags & ts.TypeFlags.NumberLiteral) return { const: (type as ts.NumberLiteralType).value };
    if (flags & ts.TypeFlags.BooleanLiteral) return { const: this.#checker.typeToString(type) === 'true' };
    if (flags & ts.TypeFlags.Null) return { type: 'null' };
    if (flags & ts.TypeFlags.StringLike) return { type: 'string' };
    if (flags & ts.TypeFlags.NumberLike) return { type: isOpen ? ['number', 'null'] : 'number' };
    if (flags & ts.TypeFlags.BooleanLike) return { type: 'boolean' };
    if (type.isUnion()) {
      const isPlain = type.types.every(({ flags: of }) => (of & ts.TypeFlags.Object) === 0);
      return isPlain ? this.#union(type, isOpen) : this.#named(type, isOpen);
    }
    if (flags & ts.TypeFlags.Unknown) return {};
    if (this.#checker.isArrayType(type) || this.#checker.isTupleType(type)) return this.#list(type, isOpen);
    // A flavour is its base with a brand that no value has.
    if (type.isIntersection()) {
      const base = type.types.find(({ flags: of }) => (of & ts.TypeFlags.Object) === 0);
      if (base !== undefined) return this.#of(base, isOpen);
    }
    if (flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) return this.#named(type, isOpen);
    throw new Error(`no schema for ${this.#checker.typeToString(type)}`);
  }

  #union({ types }: ts.UnionType, isOpen: boolean): Schema {
    const parts = types.filter(({ flags }) => (flags & ts.TypeFlags.Undefined) === 0);
    const schemas = parts.map((part) => this.#of(part, isOpen));
    const constants = schemas.flatMap((schema) => ('const' in schema ? [schema.const] : []));
    if (constants.length === schemas.length) {
      const isBoolean = constants.length === 2 && constants.every((value) => typeof value === 'boolean');
      if (isBoolean) return { type: 'boolean' };
      return constants.length === 1 ? { const: constants[0] } : { enum: constants };
    }
    const unique = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
    if (unique.length === 1) return unique[0] ?? {};
    if (unique.every(({ type, ...rest }) => typeof type === 'string' && Object.keys(rest).length === 0))
      return { type: unique.map(({ type }) => type as string) };
    return { anyOf: unique };
  }

  #list(type: ts.Type, isOpen: boolean): Schema {
    const parts = this.#checker.getTypeArguments(type as ts.TypeReference);
    const items = parts.map((part) => this.#of(part, isOpen));
    const unique = [...new Map(items.map((schema) => [JSON.stringify(schema), schema])).values()];
    return { type: 'array', items: unique.length === 1 ? (unique[0] ?? {}) : { anyOf: unique } };
  }

  /** A type with a name stands once, and is referred to. */
  #named(type: ts.Type, wasOpen: boolean): Schema {
    const name = type.aliasSymbol?.name;
    const isOpen = wasOpen || (name !== undefined && OPEN.has(name));
    const schema = () => (type.isUnion() ? this.#union(type, isOpen) : this.#object(type, isOpen));
    if (name === undefined || (type.aliasTypeArguments?.length ?? 0) > 0) return schema();
    const known = this.#names.get(type);
    if (known !== undefined) return { $ref: `#/$defs/${known}` };
    let own = name;
    for (let n = 2; own in this.definitions; n++) own = `${name}${n}`;
    this.#names.set(type, own);
    this.definitions[own] = {};
    this.definitions[own] = schema();
    return { $ref: `#/$defs/${own}` };
  }

  #object(type: ts.Type, isOpen: boolean): Schema {
    const properties: Record<string, Schema> = {};
    const required: string[] = [];
    for (const property of this.#checker.getPropertiesOfType(type)) {
      const of = this.#checker.getTypeOfSymbol(property);
      const said = ts.displayPartsToString(property.getDocumentationComment(this.#checker));
      properties[property.name] = {
        ...(said === '' ? {} : { description: said.replace(/\s+/g, ' ') }),
        ...this.#of(of, isOpen),
      };
      if ((property.flags & ts.SymbolFlags.Optional) === 0) required.push(property.name);
    }
    const index = this.#checker.getIndexInfoOfType(type, ts.IndexKind.String);
    return {
      type: 'object',
      ...(Object.keys(properties).length > 0 ? { properties } : {}),
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: index ? this.#of(index.type, isOpen) : false,
    };
  }
}
