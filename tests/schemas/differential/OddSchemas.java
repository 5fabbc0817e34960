/* SPDX-License-Identifier: MIT
 * Odd texts of schemas, and what Avro Java's parser makes of them. From a seed it writes schemas
 * whose names, namespaces, aliases, numbers, defaults and JSON are at the edge of what is allowed or
 * past it, one line of JSON per text: the text, and its canonical form or "error: …".
 *
 * java -cp … OddSchemas.java SEED COUNT > odd.jsonl */
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;

public class OddSchemas {
  static final ObjectMapper JSON = new ObjectMapper();
  static Random random;
  static boolean calm; // hardly anything odd, so that what is odd is seen alone

  static boolean chance(int percent) { return random.nextInt(100) < percent; }

  static boolean odd() { return chance(calm ? 3 : 25); }

  static String of(String... choices) { return choices[random.nextInt(choices.length)]; }

  static String quoted(String text) { return "\"" + text + "\""; }

  /** Between two tokens. */
  static String gap() {
    if (!odd()) return chance(20) ? " " : "";
    return of("\n", "\t", "\r\n", "/* a */", "// b\n", "/*/ * **/", "/**/ // \n", "//\n", "\u00a0", "#c\n", "/", "\f");
  }

  static String name() {
    if (!odd()) return of("A", "B", "C", "x.A", "x.B", "x.y.C");
    return of(".A", ".B", "..A", ".x.A", "A.", "x..A", "", ".", "1A", "A-B", "A B", "\u00c4", "int", ".int", "x.int", "record",
        "A\\u0000", "\\u0041", "A$", "_", "__A", "x._", "x.1", "1.A", " A", "null", "x.null", "A\\n");
  }

  static String word() {
    if (!odd()) return of("a", "b", "c", "d", "e", "f");
    return of("", "1a", "a-b", "a.b", ".a", "\u00e4", "a b", "null", "int", "a\\u0000", "_", "a$", "\\u0061");
  }

  static String namespace() {
    if (!odd()) return of("\"x\"", "\"x.y\"", "\"z\"");
    return of("null", "\"\"", "7", "\".\"", "\".x\"", "\"x.\"", "\"x..y\"", "\"a b\"", "\"1\"", "[]", "\"\u00e4\"", "true", "\"int\"");
  }

  static String number() {
    return of("0", "1", "-1", "1.0", "1e0", "1e400", "-1e400", "1e-400", "2147483648", "9223372036854775807",
        "9223372036854775808", "100000000000000000000", "01", "1.", ".5", "+1", "-", "NaN", "Infinity", "0x1", "1e", "-0");
  }

  static String text() {
    return of("\"t\"", "\"\\ud83d\"", "\"\\udc00x\"", "\"\\ud83d\\ude00\"", "\"\\u0000\"", "\"\\x\"", "\"\t\"", "\"\\u00ff\"", "\"\\u0100\"",
        "\"\\/\"", "'t'", "\"NaN\"", "\"1\"", "\"A\"", "\"\"");
  }

  static String value(int depth) {
    switch (random.nextInt(depth > 2 ? 6 : 8)) {
      case 0: return of("null", "true", "false");
      case 1:
      case 2: return number();
      case 3:
      case 4: return text();
      case 5: return of("7", "\"t\"", "null");
      case 6: return "[" + (chance(50) ? value(depth + 1) : "") + "]";
      default: return "{" + (chance(60) ? quoted(word()) + ":" + value(depth + 1) : "") + "}";
    }
  }

  static String member(String key, String value) { return gap() + quoted(key) + gap() + ":" + gap() + value + gap(); }

  static String aliases(boolean ofField) {
    if (odd()) return of("null", "\"A\"", "[7]", "[null]", "{}", "[[]]");
    StringBuilder out = new StringBuilder("[");
    for (int i = random.nextInt(3); i > 0; i--) out.append(quoted(ofField ? word() : name())).append(i > 1 ? "," : "");
    return out.append("]").toString();
  }

  static String extra() {
    if (!chance(30)) return "";
    return "," + member(of("x", "y", "logicalType", "doc", "order", "scale", "default", "type", "\\u0078"),
        chance(50) ? value(0) : of("\"decimal\"", "\"date\"", "\"no\""));
  }

  static String fields(int depth) {
    StringBuilder out = new StringBuilder("[");
    for (int i = random.nextInt(4); i > 0; i--) {
      out.append("{").append(member("name", quoted(word()))).append(",").append(member("type", type(depth + 1)));
      if (chance(25)) out.append(",").append(member("default", value(0)));
      if (chance(15)) out.append(",").append(member("aliases", aliases(true)));
      if (chance(10)) out.append(",").append(member("order", of("\"ascending\"", "\"Descending\"", "\"IGNORE\"", "\"up\"", "null", "7")));
      out.append(extra()).append("}").append(i > 1 ? "," : "");
    }
    return out.append("]").toString();
  }

  static String symbols() {
    StringBuilder out = new StringBuilder("[");
    for (int i = random.nextInt(4); i > 0; i--) out.append(quoted(word())).append(i > 1 ? "," : "");
    return out.append("]").toString();
  }

  static String named(String kind, int depth) {
    StringBuilder out = new StringBuilder("{");
    out.append(member("type", quoted(kind))).append(",").append(member("name", quoted(name())));
    if (chance(40)) out.append(",").append(member("namespace", namespace()));
    if (chance(30)) out.append(",").append(member("aliases", aliases(false)));
    if (chance(20)) out.append(",").append(member("doc", value(0)));
    if (kind.equals("enum")) {
      out.append(",").append(member("symbols", symbols()));
      if (chance(20)) out.append(",").append(member("default", chance(70) ? quoted(word()) : value(0)));
    } else if (kind.equals("fixed")) {
      out.append(",").append(member("size", odd() ? number() : of("0", "1", "4", "16")));
      if (chance(30)) out.append(",\"logicalType\":\"decimal\",\"precision\":").append(odd() ? number() : "2");
    } else {
      out.append(",").append(member("fields", odd() ? value(0) : fields(depth)));
    }
    return out.append(extra()).append("}").toString();
  }

  static String type(int depth) {
    switch (random.nextInt(depth > 3 ? 4 : 11)) {
      case 0:
      case 1: return quoted(of("int", "string", "long", "bytes", "double", "null", "boolean", "float"));
      case 2: return quoted(name());
      case 3: return "{" + member("type", quoted(of("int", "bytes", "string", "long"))) + extra() + "}";
      case 4: return named("enum", depth);
      case 5: return named("fixed", depth);
      case 6: return "{" + member("type", "\"array\"") + "," + member("items", type(depth + 1)) + extra() + "}";
      case 7: return "{" + member("type", "\"map\"") + "," + member("values", type(depth + 1)) + extra() + "}";
      case 8: {
        StringBuilder out = new StringBuilder("[");
        for (int i = random.nextInt(4); i > 0; i--) out.append(type(depth + 1)).append(i > 1 ? "," : "");
        return out.append("]").toString();
      }
      case 9: return odd() ? of("{}", "7", "null", "{\"type\":{\"type\":\"int\"}}", "{\"type\":[]}", "{\"type\":\"x.A\"}", "true") : named("error", depth);
      default: return named("record", depth);
    }
  }

  static String document() {
    String before = odd() ? of("\ufeff", " ", "\n", "/* l */", "//\n", "") : "";
    String after = odd() ? of(" ", "// end", "/* end */", "}", "x", "\n\n", ",", "/* no", "\u0000") : "";
    return before + (chance(85) ? named(of("record", "record", "enum", "fixed"), 0) : type(0)) + after;
  }

  static String parsed(String text) {
    try {
      return SchemaNormalization.toParsingForm(new Schema.Parser().parse(text));
    } catch (StackOverflowError e) {
      return "error: StackOverflowError";
    } catch (Throwable e) {
      String message = String.valueOf(e.getMessage());
      int end = message.indexOf('\n');
      return "error: " + e.getClass().getSimpleName() + ": " + (end < 0 ? message : message.substring(0, end));
    }
  }

  public static void main(String[] args) throws Exception {
    random = new Random(Long.parseLong(args[0]));
    PrintWriter out = new PrintWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
    for (int i = Integer.parseInt(args[1]); i > 0; i--) {
      calm = chance(80);
      String text = document();
      ObjectNode line = JSON.createObjectNode();
      line.put("text", text);
      line.put("java", parsed(text));
      out.println(JSON.writeValueAsString(line));
    }
    out.flush();
  }
}
