/* SPDX-License-Identifier: MIT
 * Names on Kafka: what is made is taken apart again, and what is not ours is not taken for ours. */
#include "core/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/alloc.h"

static void assert_bytes(stele_bytes got, const char *wanted)
{
    assert_true(stele_bytes_equal(got, stele_text(wanted)));
}

static void names_are_as_the_contract_has_them(void **state)
{
    (void)state;
    STELE_AUTO(char) events = stele_events_topic("customer");
    STELE_AUTO(char) group = stele_projection_group("customers", 2);
    STELE_AUTO(char) snapshots = stele_snapshots_topic("customers", 2);
    STELE_AUTO(char) id = stele_transactional_id(group, events, 3);
    STELE_AUTO(char) status = stele_status_key(group, events, 3);
    STELE_AUTO(char) checkpoint = stele_checkpoint_key(events, 3);
    STELE_AUTO(char) commands = stele_commands_topic("customer");
    STELE_AUTO(char) dead = stele_commands_dead_topic("customer");
    STELE_AUTO(char) how_far = stele_commands_key(commands, 3);
    assert_string_equal(commands, "customer.commands");
    assert_string_equal(dead, "customer.commands.dead");
    assert_string_equal(how_far, "stele:commands:customer.commands/3");
    assert_true(stele_commands_key_is(stele_text(how_far)));
    assert_false(stele_commands_key_is(stele_text(checkpoint)));
    assert_true(stele_id_is_reserved(stele_text(how_far)));
    STELE_AUTO(char) writer = stele_writer_name("account");
    STELE_AUTO(char) writer_id = stele_writer_transactional_id("account", 3);

    assert_string_equal(events, "customer.events");
    assert_string_equal(group, "customers.v2");
    assert_string_equal(snapshots, "customers.v2.snapshots");
    assert_string_equal(id, "customers.v2-customer.events-3");
    assert_string_equal(status, "customers.v2/customer.events/3");
    assert_string_equal(checkpoint, "stele:checkpoint:customer.events/3");
    assert_string_equal(writer, "account.writer");
    stele_bytes aggregate;
    assert_true(stele_writer_name_parse(writer, &aggregate));
    assert_bytes(aggregate, "account");
    assert_false(stele_writer_name_parse(".writer", &aggregate));
    assert_false(stele_writer_name_parse("accounts", &aggregate));
    assert_string_equal(writer_id, "account.events-3");
}

static void what_is_made_is_taken_apart(void **state)
{
    (void)state;
    stele_bytes aggregate, topic;
    stele_projection_name name;
    int32_t partition;
    stele_status_row status;
    char key[] = "a.b.v12/x.events/7";

    assert_true(stele_events_topic_parse("a.events.events", &aggregate));
    assert_bytes(aggregate, "a.events");
    assert_true(stele_projection_group_parse(stele_text("a.v1.v12"), &name));
    assert_bytes(name.projection, "a.v1");
    assert_int_equal(name.version, 12);
    assert_bytes(stele_snapshots_topic_parse("a.v3.snapshots", &name), "a.v3");
    assert_bytes(name.projection, "a");
    assert_int_equal(name.version, 3);
    assert_true(stele_status_key_parse(key, &status));
    assert_string_equal(status.group, "a.b.v12");
    assert_string_equal(status.topic, "x.events");
    assert_int_equal(status.partition, 7);
    assert_true(
        stele_checkpoint_key_parse(stele_text("stele:checkpoint:x.events/0"), &topic, &partition));
    assert_bytes(topic, "x.events");
    assert_int_equal(partition, 0);
}

static void what_is_not_ours_is_not_taken_for_ours(void **state)
{
    (void)state;
    static const char *const topics[] = {"",         ".events", "events",      "a.event",
                                         "a.Events", "a.evens", "a.snapshots", "a.events "};
    static const char *const groups[] = {
        "",       "a",    ".v1", "a.v", "a.v0", "a.v01", "a.v-1", "a.v+1",         "a.v1 ",
        "a.v1.2", "a.V1", "av1", "v1",  "a.v",  "a.v1x", "a..",   "a.v99999999999"};
    static const char *const keys[] = {"",       "/",      "//",   "a.v1",   "a.v1/b",
                                       "/b/1",   "a//1",   "a/b/", "a/b/-1", "a/b/x",
                                       "a/b/+1", "a/b/01", "a/1",  "a/b/1 ", "a/b/2147483648"};
    static const char *const checkpoints[] = {"",
                                              "stele:",
                                              "stele:checkpoint:",
                                              "stele:checkpoint:/1",
                                              "stele:checkpoint:a",
                                              "stele:checkpoint:a/",
                                              "checkpoint:a/1"};
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        stele_bytes aggregate;
        assert_false(stele_events_topic_parse(topics[i], &aggregate));
    }
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        stele_projection_name name;
        STELE_AUTO(char) topic = stele_strdup_format("%s.snapshots", groups[i]);
        assert_false(stele_projection_group_parse(stele_text(groups[i]), &name));
        assert_null(stele_snapshots_topic_parse(topic, &name).data);
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        stele_status_row name;
        STELE_AUTO(char) key = stele_strdup(keys[i]);
        assert_false(stele_status_key_parse(key, &name));
        assert_string_equal(key, keys[i]);
    }
    for (size_t i = 0; i < sizeof checkpoints / sizeof checkpoints[0]; i++) {
        stele_bytes topic;
        int32_t partition;
        assert_false(stele_checkpoint_key_parse(stele_text(checkpoints[i]), &topic, &partition));
    }
}

static void a_projection_is_named_with_or_without_its_version(void **state)
{
    (void)state;
    assert_true(stele_projection_group_is_of("customers.v1", "customers"));
    assert_true(stele_projection_group_is_of("customers.v1", "customers.v1"));
    assert_false(stele_projection_group_is_of("customers.v12", "customers.v1"));
    assert_false(stele_projection_group_is_of("customers.v1", "customer"));
    assert_true(stele_projection_group_is_of("transfers.account.reactions", "transfers"));
    assert_false(stele_projection_group_is_of("transfers.account.reactions", "account"));
    assert_true(
        stele_projection_group_is_of("transfers.account.reactions", "transfers.account.reactions"));
    assert_false(stele_projection_group_is_of("customers.v1", "customers.v2"));
    assert_false(stele_projection_group_is_of("customers.vip", "customers"));
}

static void a_version_is_a_projections_or_an_aggregates(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"customers", "projection customers"},
                                           {"customers.v2", "projection customers"},
                                           {"account.writer", "aggregate account"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        STELE_AUTO(char) owner = stele_version_owner(cases[i][0]);
        assert_string_equal(owner, cases[i][1]);
    }
}

static void the_group_of_an_aggregates_writer_has_no_version(void **state)
{
    (void)state;
    STELE_AUTO(char) name = stele_writer_name("account");
    STELE_AUTO(char) group = stele_projection_group(name, 3);
    STELE_AUTO(char) snapshots = stele_snapshots_topic(name, 3);
    stele_projection_name parts;
    stele_bytes aggregate;

    assert_string_equal(group, "account.writer");
    assert_string_equal(snapshots, "account.writer.v3.snapshots");
    assert_true(stele_writer_name_parse(group, &aggregate));
    assert_bytes(aggregate, "account");
    assert_bytes(stele_snapshots_topic_parse(snapshots, &parts), "account.writer.v3");
    assert_bytes(parts.projection, "account.writer");
    assert_true(stele_projection_group_is_of(group, "account.writer"));
    static const char *const others[] = {"", ".writer", "writer", "a.writers", "a.writer.v1"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(stele_writer_name_parse(others[i], NULL));
}

static void the_key_of_an_owner_is_its_partition(void **state)
{
    (void)state;
    STELE_AUTO(char) key = stele_owner_key("account.events", 3);
    stele_bytes topic;
    int32_t partition;

    assert_string_equal(key, "account.events/3");
    assert_true(stele_owner_key_parse(stele_text(key), &topic, &partition));
    assert_bytes(topic, "account.events");
    assert_int_equal(partition, 3);
    static const char *const others[] = {"", "/", "/1", "a/", "a", "a/x", "a/-1", "a/01", "a/b/1"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(stele_owner_key_parse(stele_text(others[i]), &topic, &partition));
}

static void a_position_is_written_in_one_way(void **state)
{
    (void)state;
    char topic[250] = {0};
    memset(topic, 't', sizeof topic - 1); /* as long as Kafka takes them */

    assert_string_equal(stele_position_format("account.events", 3, 1042).text,
                        "account.events/3/1042");
    stele_position_text longest = stele_position_format(topic, INT32_MAX, INT64_MAX);
    assert_string_equal(longest.text + strlen(topic), "/2147483647/9223372036854775807");
}

static void a_position_is_taken_apart_and_nothing_else_is_one(void **state)
{
    (void)state;
    stele_bytes topic;
    int32_t partition;
    int64_t offset;
    assert_true(stele_position_parse(stele_text("account.events/3/9223372036854775807"), &topic,
                                     &partition, &offset));
    assert_bytes(topic, "account.events");
    assert_int_equal(partition, 3);
    assert_int_equal(offset, INT64_MAX);
    static const char *const others[] = {"",        "/",      "a/1",    "a/1/",
                                         "/1/2",    "a//2",   "a/1/-2", "a/1/x",
                                         "a/b/1/2", "a/1/2/", "a/1/ 2", "a/1/9223372036854775808"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(stele_position_parse(stele_text(others[i]), &topic, &partition, &offset));
}

static void reserved_ids_begin_with_the_prefix(void **state)
{
    (void)state;
    assert_true(stele_id_is_reserved(stele_text("stele:")));
    assert_true(stele_id_is_reserved(stele_text("stele:checkpoint:a/1")));
    assert_false(stele_id_is_reserved(stele_text("stele")));
    assert_false(stele_id_is_reserved(stele_text("Stele:x")));
    assert_false(stele_id_is_reserved(stele_text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_as_the_contract_has_them),
        cmocka_unit_test(what_is_made_is_taken_apart),
        cmocka_unit_test(what_is_not_ours_is_not_taken_for_ours),
        cmocka_unit_test(a_projection_is_named_with_or_without_its_version),
        cmocka_unit_test(a_version_is_a_projections_or_an_aggregates),
        cmocka_unit_test(the_group_of_an_aggregates_writer_has_no_version),
        cmocka_unit_test(the_key_of_an_owner_is_its_partition),
        cmocka_unit_test(a_position_is_written_in_one_way),
        cmocka_unit_test(a_position_is_taken_apart_and_nothing_else_is_one),
        cmocka_unit_test(reserved_ids_begin_with_the_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
