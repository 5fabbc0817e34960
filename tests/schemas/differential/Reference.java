/* SPDX-License-Identifier: MIT
 * Random pairs of schemas with data, and what Avro Java makes of them. From a seed it generates a
 * writer's schema, changes a copy of it into a reader's, and writes one line of JSON per pair:
 * both texts, their canonical forms and fingerprints, both compatibility verdicts, and data, each
 * as bytes by the writer with the bytes that the reader's view of them has, or "error: …".
 *
 * java -cp … Reference.java SEED PAIRS > cases.jsonl */
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.ByteArrayOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.IndexedRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

public class Reference {
  static final ObjectMapper JSON = new ObjectMapper();
  static final String[] PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
  static final String[] SPACES = {"", "shop", "shop.v2", "bank"};

  static Random random;
  static int serial;
  static boolean decimals; // was the scale of one changed?

  /** A type that can still be changed. Named types are shared by identity. */
  static final class Type {
    String kind;
    String name, space;
    List<String> aliases = new ArrayList<>();
    List<Field> fields = new ArrayList<>();
    List<String> symbols = new ArrayList<>();
    String standard;
    int size;
    String logical;
    int precision, scale;
    List<Type> inner = new ArrayList<>(); // item, or branches

    Type(String kind) { this.kind = kind; }

    boolean named() { return kind.equals("record") || kind.equals("enum") || kind.equals("fixed"); }

    String full() { return space.isEmpty() ? name : space + "." + name; }
  }

  static final class Field {
    String name;
    Type type;
    List<String> aliases = new ArrayList<>();
    Object standard; // JSON text, or null
  }

  static int pick(int bound) { return random.nextInt(bound); }

  static <T> T pick(List<T> list) { return list.get(pick(list.size())); }

  static boolean chance(int percent) { return pick(100) < percent; }

  // Schemas.

  static Type named(String kind) {
    Type type = new Type(kind);
    type.name = Character.toUpperCase(kind.charAt(0)) + "" + serial++;
    type.space = SPACES[pick(SPACES.length)];
    return type;
  }

  static List<String> symbols() {
    List<String> symbols = new ArrayList<>(Arrays.asList("A", "B", "C", "D", "E"));
    Collections.shuffle(symbols, random);
    return new ArrayList<>(symbols.subList(0, 1 + pick(5)));
  }

  /** `open` are records around it, `done` are named types that may be referred to. */
  static Type type(int depth, List<Type> open, List<Type> done, boolean inUnion) {
    int choice = pick(depth <= 0 ? 10 : 20);
    if (choice < 8) {
      Type type = new Type(PRIMITIVES[choice]);
      if (type.kind.equals("bytes") && chance(20)) decimal(type, 2 + pick(16));
      if (type.kind.equals("long") && chance(10)) type.logical = "timestamp-millis";
      return type;
    }
    if (choice == 8) {
      Type type = named("enum");
      type.symbols = symbols();
      if (chance(25)) type.standard = pick(type.symbols);
      done.add(type);
      return type;
    }
    if (choice == 9) {
      Type type = named("fixed");
      type.size = pick(6);
      if (type.size > 2 && chance(20)) decimal(type, 2 + pick(3));
      done.add(type);
      return type;
    }
    if (choice < 12) {
      Type type = new Type(choice == 10 ? "array" : "map");
      type.inner.add(chance(15) && !open.isEmpty() ? pick(open) : type(depth - 1, open, done, false));
      return type;
    }
    if (choice < 15 && !inUnion) return union(depth, open, done);
    if (choice < 17 && !done.isEmpty()) return pick(done);
    return record(depth - 1, open, done);
  }

  static void decimal(Type type, int precision) {
    type.logical = "decimal";
    type.precision = precision;
    type.scale = pick(precision + 1);
  }

  static Type union(int depth, List<Type> open, List<Type> done) {
    Type union = new Type("union");
    int wanted = chance(50) ? 2 : 1 + pick(4);
    if (chance(60)) union.inner.add(new Type("null"));
    for (int i = 0; i < 8 && union.inner.size() < wanted; i++) {
      Type branch = chance(15) && !open.isEmpty() ? pick(open) : type(depth - 1, open, done, true);
      if (!branch.kind.equals("union") && fits(union, branch)) union.inner.add(branch);
    }
    if (union.inner.isEmpty()) union.inner.add(new Type("null"));
    Collections.shuffle(union.inner, random);
    return union;
  }

  static String branchName(Type type) { return type.named() ? type.full() : type.kind; }

  static boolean fits(Type union, Type branch) {
    for (Type other : union.inner)
      if (branchName(other).equals(branchName(branch))) return false;
    return true;
  }

  static Type record(int depth, List<Type> open, List<Type> done) {
    Type record = named("record");
    List<Type> inside = new ArrayList<>(open);
    inside.add(record);
    int count = pick(5) + (depth > 2 ? 1 : 0);
    for (int i = 0; i < count; i++)
      record.fields.add(field(depth, inside, done));
    done.add(record);
    return record;
  }

  static Field field(int depth, List<Type> open, List<Type> done) {
    Field field = new Field();
    field.name = "f" + serial++;
    field.type = type(depth, open, done, false);
    if (chance(30)) field.standard = standard(field.type, 4);
    return field;
  }

  /** The JSON text of a default, or null if there is none that ends. */
  static String standard(Type type, int depth) {
    if (depth <= 0) return null;
    switch (type.kind) {
      case "null": return "null";
      case "boolean": return chance(50) ? "true" : "false";
      case "int": return Integer.toString(number(Integer.MAX_VALUE).intValue());
      case "long": return Long.toString(number(Long.MAX_VALUE));
      case "float":
      case "double": return chance(30) ? Integer.toString(pick(100)) : Double.toString((pick(2000) - 1000) / 8.0);
      case "string": return quote(text());
      case "bytes": return quote(type.logical != null ? "" + (char) pick(100) : latin(pick(5)));
      case "fixed": return quote(type.logical != null ? "\0".repeat(type.size - 1) + (char) pick(10) : latin(type.size));
      case "enum": return quote(pick(type.symbols));
      case "union": return standard(type.inner.get(0), depth);
      case "array": {
        StringBuilder out = new StringBuilder("[");
        for (int i = pick(3); i > 0; i--) {
          String item = standard(type.inner.get(0), depth - 1);
          if (item != null) out.append(out.length() > 1 ? "," : "").append(item);
        }
        return out.append("]").toString();
      }
      case "map": {
        StringBuilder out = new StringBuilder("{");
        for (int i = pick(3); i > 0; i--) {
          String item = standard(type.inner.get(0), depth - 1);
          if (item != null) out.append(out.length() > 1 ? "," : "").append("\"k").append(i).append("\":").append(item);
        }
        return out.append("}").toString();
      }
      default: {
        StringBuilder out = new StringBuilder("{");
        for (Field field : type.fields) {
          if (field.standard != null && chance(50)) continue;
          String value = standard(field.type, depth - 1);
          if (value == null) return null;
          out.append(out.length() > 1 ? "," : "").append("\"").append(field.name).append("\":").append(value);
        }
        return out.append("}").toString();
      }
    }
  }

  static Long number(long max) {
    int bits = pick(max == Integer.MAX_VALUE ? 32 : 64);
    long value = random.nextLong() & (bits == 0 ? 0 : -1L >>> (64 - bits));
    value = Math.min(value, max);
    return chance(50) ? value : -value;
  }

  static String text() {
    String[] parts = {"a", "bc", "é", "漢", "😀", "\"", "\\", "\n", " ", "x".repeat(pick(90))};
    StringBuilder out = new StringBuilder();
    for (int i = pick(4); i > 0; i--)
      out.append(parts[pick(parts.length)]);
    return out.toString();
  }

  static String latin(int size) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < size; i++)
      out.append((char) pick(256));
    return out.toString();
  }

  static String quote(String text) {
    try {
      return JSON.writeValueAsString(text);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  // Texts.

  static String print(Type type) {
    StringBuilder out = new StringBuilder();
    print(type, out, Collections.newSetFromMap(new IdentityHashMap<>()));
    return out.toString();
  }

  static void printNames(StringBuilder out, List<String> names) {
    if (names.isEmpty()) return;
    out.append(",\"aliases\":[");
    for (int i = 0; i < names.size(); i++)
      out.append(i > 0 ? "," : "").append(quote(names.get(i)));
    out.append("]");
  }

  static void print(Type type, StringBuilder out, Set<Type> seen) {
    if (type.kind.equals("union")) {
      out.append("[");
      for (int i = 0; i < type.inner.size(); i++) {
        if (i > 0) out.append(",");
        print(type.inner.get(i), out, seen);
      }
      out.append("]");
      return;
    }
    if (type.named() && !seen.add(type)) {
      out.append(quote(type.full()));
      return;
    }
    if (!type.named() && type.inner.isEmpty() && type.logical == null) {
      out.append(quote(type.kind));
      return;
    }
    out.append("{\"type\":").append(quote(type.kind));
    if (type.named()) {
      out.append(",\"name\":").append(quote(type.name)).append(",\"namespace\":").append(quote(type.space));
      printNames(out, type.aliases);
    }
    if (type.logical != null) out.append(",\"logicalType\":").append(quote(type.logical));
    if ("decimal".equals(type.logical))
      out.append(",\"precision\":").append(type.precision).append(",\"scale\":").append(type.scale);
    switch (type.kind) {
      case "enum":
        out.append(",\"symbols\":[");
        for (int i = 0; i < type.symbols.size(); i++)
          out.append(i > 0 ? "," : "").append(quote(type.symbols.get(i)));
        out.append("]");
        if (type.standard != null) out.append(",\"default\":").append(quote(type.standard));
        break;
      case "fixed":
        out.append(",\"size\":").append(type.size);
        break;
      case "array":
      case "map":
        out.append(type.kind.equals("array") ? ",\"items\":" : ",\"values\":");
        print(type.inner.get(0), out, seen);
        break;
      case "record":
        out.append(",\"fields\":[");
        for (int i = 0; i < type.fields.size(); i++) {
          Field field = type.fields.get(i);
          out.append(i > 0 ? "," : "").append("{\"name\":").append(quote(field.name)).append(",\"type\":");
          print(field.type, out, seen);
          printNames(out, field.aliases);
          if (field.standard != null) out.append(",\"default\":").append(field.standard);
          out.append("}");
        }
        out.append("]");
        break;
      default:
        break;
    }
    out.append("}");
  }

  // Changes.

  static Type copy(Type type, Map<Type, Type> done) {
    if (done.containsKey(type)) return done.get(type);
    Type made = new Type(type.kind);
    done.put(type, made);
    made.name = type.name;
    made.space = type.space;
    made.aliases = new ArrayList<>(type.aliases);
    made.symbols = new ArrayList<>(type.symbols);
    made.standard = type.standard;
    made.size = type.size;
    made.logical = type.logical;
    made.precision = type.precision;
    made.scale = type.scale;
    for (Type inner : type.inner)
      made.inner.add(copy(inner, done));
    for (Field field : type.fields) {
      Field f = new Field();
      f.name = field.name;
      f.aliases = new ArrayList<>(field.aliases);
      f.standard = field.standard;
      f.type = copy(field.type, done);
      made.fields.add(f);
    }
    return made;
  }

  static void collect(Type type, Set<Type> seen, List<Type> all) {
    if (!seen.add(type)) return;
    all.add(type);
    for (Type inner : type.inner)
      collect(inner, seen, all);
    for (Field field : type.fields)
      collect(field.type, seen, all);
  }

  static List<Type> all(Type top) {
    List<Type> all = new ArrayList<>();
    collect(top, Collections.newSetFromMap(new IdentityHashMap<>()), all);
    return all;
  }

  static Type scalar() { return new Type(PRIMITIVES[pick(PRIMITIVES.length)]); }

  /** Another type in place of `type`: what may stand in a field, an item or a branch. */
  static Type changed(Type type, boolean inUnion) {
    switch (pick(inUnion ? 3 : 6)) {
      case 0:
      case 1: {
        String[][] promotions = {{"int", "long"}, {"int", "float"}, {"int", "double"}, {"long", "float"},
            {"long", "double"}, {"float", "double"}, {"string", "bytes"}, {"bytes", "string"}, {"long", "int"}};
        List<String> to = new ArrayList<>();
        for (String[] promotion : promotions)
          if (promotion[0].equals(type.kind)) to.add(promotion[1]);
        return to.isEmpty() ? type : new Type(pick(to));
      }
      case 2:
        return chance(70) ? type : scalar();
      case 3:
      case 4: {
        if (type.kind.equals("union")) return pick(type.inner);
        Type union = new Type("union");
        union.inner.add(type);
        for (int i = 0; i <= pick(3); i++) {
          Type branch = chance(50) ? new Type("null") : scalar();
          if (fits(union, branch)) union.inner.add(branch);
        }
        Collections.shuffle(union.inner, random);
        return union;
      }
      default: {
        Type list = new Type(chance(50) ? "array" : "map");
        list.inner.add(type);
        return chance(30) ? list : type;
      }
    }
  }

  static void changeRecord(Type type, List<Type> all) {
    List<Type> records = new ArrayList<>();
    for (Type other : all)
      if (other.named() && !other.kind.equals("record")) records.add(other);
    switch (pick(9)) {
      case 0: { // add, with or without a default
        Field field = field(2, new ArrayList<>(List.of(type)), new ArrayList<>(records));
        if (chance(70)) field.standard = standard(field.type, 4);
        type.fields.add(pick(type.fields.size() + 1), field);
        break;
      }
      case 1:
        if (!type.fields.isEmpty()) type.fields.remove(pick(type.fields.size()));
        break;
      case 2:
        Collections.shuffle(type.fields, random);
        break;
      case 3: // rename, mostly with an alias
      case 4:
        if (!type.fields.isEmpty()) {
          Field field = pick(type.fields);
          if (chance(80)) field.aliases.add(field.name);
          field.name = "f" + serial++;
        }
        break;
      case 5:
        rename(type);
        break;
      case 6: // an alias for nothing, or for a sibling
        if (!type.fields.isEmpty()) {
          Field field = pick(type.fields);
          Field other = pick(type.fields);
          // Not one that leads on to a third: Avro Java's reader applies the aliases twice.
          boolean leads = !other.aliases.isEmpty();
          for (Field each : type.fields)
            leads = leads || each.aliases.contains(field.name);
          field.aliases.add(leads || chance(50) ? "gone" : other.name);
        }
        break;
      default:
        if (!type.fields.isEmpty()) {
          Field field = pick(type.fields);
          field.type = changed(field.type, false);
          field.standard = chance(60) ? standard(field.type, 4) : null;
        }
        break;
    }
  }

  static void rename(Type type) {
    String old = type.full();
    if (chance(50)) type.space = SPACES[pick(SPACES.length)];
    if (chance(60)) type.name = type.name.charAt(0) + "" + serial++;
    if (chance(70) && !old.equals(type.full())) type.aliases.add(old);
  }

  static void changeEnum(Type type) {
    switch (pick(5)) {
      case 0:
        Collections.shuffle(type.symbols, random);
        break;
      case 1:
        type.symbols.add(pick(type.symbols.size() + 1), "S" + serial++);
        break;
      case 2:
        if (type.symbols.size() > 1) type.symbols.remove(pick(type.symbols.size()));
        break;
      case 3:
        rename(type);
        break;
      default:
        type.standard = pick(type.symbols);
        break;
    }
    if (type.standard != null && !type.symbols.contains(type.standard)) type.standard = null;
  }

  static void changeUnion(Type type) {
    switch (pick(4)) {
      case 0:
        Collections.shuffle(type.inner, random);
        break;
      case 1:
        if (type.inner.size() > 1) type.inner.remove(pick(type.inner.size()));
        break;
      case 2: {
        Type branch = scalar();
        if (fits(type, branch)) type.inner.add(pick(type.inner.size() + 1), branch);
        break;
      }
      default: {
        int index = pick(type.inner.size());
        Type old = type.inner.remove(index);
        Type branch = changed(old, true);
        type.inner.add(index, fits(type, branch) ? branch : old);
        break;
      }
    }
  }

  static void change(Type top) {
    List<Type> all = all(top);
    Type type = pick(all);
    switch (type.kind) {
      case "record":
        changeRecord(type, all);
        break;
      case "enum":
        changeEnum(type);
        break;
      case "fixed":
        if (chance(70)) rename(type);
        else {
          type.size = pick(6);
          type.logical = null;
        }
        break;
      case "union":
        changeUnion(type);
        break;
      case "array":
      case "map":
        type.inner.set(0, changed(type.inner.get(0), false));
        break;
      default:
        if (chance(30) && "decimal".equals(type.logical)) {
          type.scale = pick(type.precision + 1);
          decimals = true;
        }
        break;
    }
  }

  // Data.

  static final class Endless extends RuntimeException {
  }

  static Object datum(Schema schema, int depth) {
    if (depth > 30) throw new Endless();
    boolean deep = depth > 5;
    switch (schema.getType()) {
      case NULL: return null;
      case BOOLEAN: return random.nextBoolean();
      case INT: return number(Integer.MAX_VALUE).intValue();
      case LONG: return number(Long.MAX_VALUE);
      case FLOAT: {
        float[] special = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -0f, Float.MIN_VALUE, Float.MAX_VALUE};
        return chance(10) ? special[pick(special.length)] : (float) random.nextGaussian();
      }
      case DOUBLE: {
        double[] special = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -0d, Double.MIN_VALUE, Double.MAX_VALUE};
        return chance(10) ? special[pick(special.length)] : random.nextGaussian();
      }
      case STRING: return text();
      case BYTES: {
        // As text where it may be promoted to a string; a decimal of 64 bits has one byte to eight.
        if (schema.getProp("logicalType") == null) return ByteBuffer.wrap(text().getBytes(StandardCharsets.UTF_8));
        return ByteBuffer.wrap(new byte[] {(byte) pick(100)}); // which is UTF-8 as well
      }
      case FIXED: {
        byte[] bytes = new byte[schema.getFixedSize()];
        if (schema.getProp("logicalType") == null) random.nextBytes(bytes);
        else bytes[bytes.length - 1] = (byte) pick(10);
        return new GenericData.Fixed(schema, bytes);
      }
      case ENUM: return new GenericData.EnumSymbol(schema, pick(schema.getEnumSymbols()));
      case ARRAY: {
        List<Object> items = new ArrayList<>();
        for (int i = deep ? 0 : pick(4); i > 0; i--)
          items.add(datum(schema.getElementType(), depth + 1));
        return items;
      }
      case MAP: {
        Map<String, Object> entries = new TreeMap<>();
        for (int i = deep ? 0 : pick(4); i > 0; i--)
          entries.put("k" + pick(12), datum(schema.getValueType(), depth + 1));
        return entries;
      }
      case UNION: {
        List<Schema> branches = schema.getTypes();
        if (deep)
          for (Schema branch : branches)
            if (branch.getType() != Schema.Type.RECORD) return new Branch(branch, datum(branch, depth + 1));
        Schema branch = pick(branches);
        return new Branch(branch, datum(branch, depth + 1));
      }
      default: {
        GenericData.Record record = new GenericData.Record(schema);
        for (Schema.Field field : schema.getFields())
          record.put(field.pos(), datum(field.schema(), depth + 1));
        return record;
      }
    }
  }

  /** A union's value with its branch, so that the writer need not guess it. */
  static final class Branch {
    final Schema schema;
    final Object value;

    Branch(Schema schema, Object value) {
      this.schema = schema;
      this.value = value;
    }
  }

  static final class Writer extends GenericDatumWriter<Object> {
    Writer(Schema schema) { super(schema); }

    @Override
    protected void write(Schema schema, Object datum, org.apache.avro.io.Encoder out) throws java.io.IOException {
      if (datum instanceof Branch) {
        Branch branch = (Branch) datum;
        out.writeIndex(schema.getTypes().indexOf(branch.schema));
        super.write(branch.schema, branch.value, out);
      } else {
        super.write(schema, datum, out);
      }
    }
  }

  /** Keys of maps in order, as Stele writes them. */
  static Object sorted(Object value) {
    if (value instanceof Map) {
      Map<String, Object> map = new TreeMap<>();
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet())
        map.put(entry.getKey().toString(), sorted(entry.getValue()));
      return map;
    }
    if (value instanceof List) {
      List<Object> list = new ArrayList<>();
      for (Object item : (List<?>) value)
        list.add(sorted(item));
      return list;
    }
    if (value instanceof IndexedRecord) {
      IndexedRecord record = (IndexedRecord) value;
      GenericData.Record made = new GenericData.Record(record.getSchema());
      for (Schema.Field field : record.getSchema().getFields())
        made.put(field.pos(), sorted(record.get(field.pos())));
      return made;
    }
    return value;
  }

  static String hex(byte[] bytes) {
    StringBuilder out = new StringBuilder();
    for (byte b : bytes)
      out.append(String.format("%02x", b));
    return out.toString();
  }

  static byte[] encode(Schema schema, Object value, boolean blocks) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BinaryEncoder encoder = blocks
        ? new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(out, null)
        : EncoderFactory.get().binaryEncoder(out, null);
    new Writer(schema).write(value, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  static String read(Schema writer, Schema reader, byte[] bytes) {
    try {
      GenericDatumReader<Object> datumReader = new GenericDatumReader<>(writer, reader);
      Object value = datumReader.read(null, DecoderFactory.get().binaryDecoder(bytes, null));
      return hex(encode(reader, sorted(value), false));
    } catch (Exception | StackOverflowError e) {
      return "error: " + e;
    }
  }

  /** Does a value of it need another one without end? */
  static boolean endless(Schema schema, Set<String> around) {
    switch (schema.getType()) {
      case UNION:
        return schema.getTypes().size() == 1 && endless(schema.getTypes().get(0), around);
      case RECORD: {
        if (!around.add(schema.getFullName())) return true;
        for (Schema.Field field : schema.getFields())
          if (endless(field.schema(), around)) return true;
        around.remove(schema.getFullName());
        return false;
      }
      default:
        return false;
    }
  }

  static ArrayNode kinds(Schema reader, Schema writer) {
    Set<String> kinds = new TreeSet<>();
    try {
      for (SchemaCompatibility.Incompatibility each : SchemaCompatibility
          .checkReaderWriterCompatibility(reader, writer).getResult().getIncompatibilities())
        kinds.add(each.getType().name());
    } catch (Exception e) {
      kinds.add("EXCEPTION");
    }
    ArrayNode node = JSON.createArrayNode();
    kinds.forEach(node::add);
    return node;
  }

  static Schema parse(String text) {
    try {
      return new Schema.Parser().parse(text);
    } catch (Exception e) {
      return null;
    }
  }

  static void describe(ObjectNode out, String key, Schema schema) {
    out.put(key + "_canonical", SchemaNormalization.toParsingForm(schema));
    out.put(key + "_crc64", String.format("%016x", SchemaNormalization.parsingFingerprint64(schema)));
  }

  static ObjectNode make() throws Exception {
    Type top = chance(85) ? record(4, new ArrayList<>(), new ArrayList<>()) : type(3, new ArrayList<>(), new ArrayList<>(), false);
    Type changed = copy(top, new IdentityHashMap<>());
    for (int i = chance(10) ? 0 : 1 + pick(4); i > 0; i--)
      change(changed);
    for (Type type : all(changed)) // defaults as they are valid now
      for (Field field : type.fields)
        if (field.standard != null) field.standard = standard(field.type, 4);
    String writerText = print(top);
    String readerText = print(changed);
    Schema writer = parse(writerText);
    Schema reader = parse(readerText);
    if (writer == null || reader == null) return null;
    if (endless(writer, new HashSet<>()) || endless(reader, new HashSet<>())) return null;

    ObjectNode out = JSON.createObjectNode();
    out.put("writer", writerText);
    out.put("reader", readerText);
    describe(out, "writer", writer);
    describe(out, "reader", reader);
    out.set("backward", kinds(reader, writer));
    out.set("forward", kinds(writer, reader));
    ArrayNode data = out.putArray("data");
    for (int i = 0; i < 5; i++) {
      byte[] bytes;
      try {
        bytes = encode(writer, datum(writer, 0), chance(20));
      } catch (Endless e) {
        continue;
      }
      ArrayNode pair = data.addArray();
      pair.add(hex(bytes));
      pair.add(read(writer, reader, bytes));
    }
    return out;
  }

  public static void main(String[] arguments) throws Exception {
    long seed = Long.parseLong(arguments[0]);
    int pairs = Integer.parseInt(arguments[1]);
    PrintWriter out = new PrintWriter(new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8)));
    for (int i = 0, made = 0; made < pairs; i++) {
      random = new Random(seed * 1_000_003 + i);
      serial = 0;
      decimals = false;
      ObjectNode pair = make();
      if (pair == null) continue;
      pair.put("number", i);
      pair.put("decimals", decimals);
      out.println(JSON.writeValueAsString(pair));
      made++;
    }
    out.flush();
  }
}
