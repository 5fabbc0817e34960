/* SPDX-License-Identifier: MIT
 * What Avro Java makes of JSON-encoded values: json_cases.tsv in, json_java.tsv out. Each line of
 * the input is a type and a text; the output adds the value's bytes in hex and the text that
 * JsonEncoder writes for it, or "error".
 *
 * java -cp 'avro-1.11.4.jar:jackson-…' JsonReference.java < json_cases.tsv > json_java.tsv */
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.io.JsonEncoder;

public class JsonReference {
  static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte b : bytes) text.append(String.format("%02x", b));
    return text.toString();
  }

  static String convert(String type, String text) throws Exception {
    Schema schema = new Schema.Parser().parse(
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"fields\":[{\"name\":\"f\",\"type\":" + type + "}]}");
    Object value = new GenericDatumReader<Object>(schema)
        .read(null, DecoderFactory.get().jsonDecoder(schema, "{\"f\":" + text + "}"));
    ByteArrayOutputStream binary = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(binary, null);
    new GenericDatumWriter<Object>(schema).write(value, encoder);
    encoder.flush();
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    JsonEncoder jsonEncoder = EncoderFactory.get().jsonEncoder(schema, json);
    new GenericDatumWriter<Object>(schema).write(value, jsonEncoder);
    jsonEncoder.flush();
    String out = json.toString(StandardCharsets.UTF_8);
    return hex(binary.toByteArray()) + "\t" + out.substring(5, out.length() - 1);
  }

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null;) {
      String[] parts = line.split("\t", -1);
      try {
        out.print(line + "\t" + convert(parts[0], parts[1]) + "\n");
      } catch (Exception | StackOverflowError failure) {
        System.err.println(line + ": " + failure);
        out.print(line + "\terror\n");
      }
    }
    out.flush();
  }
}
