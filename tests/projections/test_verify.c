/* SPDX-License-Identifier: MIT
 * Snapshots compared with a replay: what differs is named by its path, and a sample is drawn. */
#include "bank.h"

#include <stele/codec.h>

#include "projections/verify.h"
#include "registry/wire.h"

enum { WAIT_MS = 60000 };

typedef struct findings {
    int count;
    char text[200];
    char changes[400];
} findings;

static void keep(void *context, const stele_verify_finding *finding)
{
    findings *of = context;
    of->count++;
    snprintf(of->text, sizeof of->text, "%.*s: %s", (int)finding->id.size,
             (const char *)finding->id.data, finding->text);
    snprintf(of->changes, sizeof of->changes, "%.*s", (int)finding->changes.size,
             (const char *)finding->changes.data);
}

static stele_verify_counts verify(bank *of, uint32_t one_in, findings *found)
{
    stele_verify_counts counts;
    stele_error err;
    *found = (findings){0};
    stele_verify_options options = {.projection = &bank_balances,
                                    .log = of->log,
                                    .registry = of->registry,
                                    .one_in = one_in,
                                    .deadline =
                                        stele_deadline_after(stele_log_clock(of->log), WAIT_MS),
                                    .each = keep,
                                    .context = found};
    if (stele_verify(&options, &counts, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(counts.findings, found->count);
    return counts;
}

/* A snapshot of its one event, with what no replay makes of it. */
static void put_wrong_snapshot(bank *of, const char *id, int64_t offset)
{
    stele_snapshot_headers headers;
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    test_account account = {.balance = 4, .owner = stele_text("Eve")};
    int32_t schema;
    assert_int_equal(stele_registry_register(of->registry, BANK_SNAPSHOTS "-test.Account",
                                             stele_text(test_account_type.schema), NULL, 0, WAIT_MS,
                                             &schema, NULL),
                     STELE_OK);
    stele_wire_begin(&value, schema);
    assert_int_equal(stele_encode(&test_account_type, &account, &value, NULL), STELE_OK);
    stele_snapshot_headers_set(&headers, 1, offset, false);
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text(id), stele_buffer_view(&value), headers.list,
                headers.count);
}

static void a_difference_is_named_by_the_paths_of_its_fields(void **state)
{
    (void)state;
    findings found;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_deposit(of, 0, "b", 5, "y");
    bank_run(of, (teller_options){0});
    assert_int_equal(verify(of, 0, &found).findings, 0);

    put_wrong_snapshot(of, "a", 1);
    stele_verify_counts counts = verify(of, 1, &found);

    assert_int_equal(counts.snapshots, 2);
    assert_int_equal(counts.findings, 1);
    assert_string_equal(found.text,
                        "a: the snapshot of version 1 has other bytes than a replay makes");
    assert_string_equal(found.changes, "[{\"path\":\"balance\",\"from\":4,\"to\":5},"
                                       "{\"path\":\"owner\",\"from\":\"Eve\",\"to\":\"\"},"
                                       "{\"path\":\"memos.x\",\"to\":1}]");
    bank_free(of);
}

static void a_sample_is_another_one_each_time_and_finds_what_is_in_it(void **state)
{
    (void)state;
    enum { ALL = 64, ONE_IN = 4, RUNS = 200 };
    findings found;
    bank *of = bank_new(1);
    for (int i = 0; i < ALL; i++) {
        char id[16];
        snprintf(id, sizeof id, "id-%d", i);
        bank_deposit(of, 0, id, 5, "x");
    }
    bank_run(of, (teller_options){0});
    put_wrong_snapshot(of, "id-7", 8);
    int hits = 0;
    int64_t compared = 0;

    for (int run = 0; run < RUNS; run++) {
        stele_verify_counts counts = verify(of, ONE_IN, &found);
        assert_int_equal(counts.events, counts.snapshots);
        compared += counts.snapshots;
        hits += (int)counts.findings;
    }

    assert_in_range(compared, RUNS * ALL / ONE_IN * 8 / 10, RUNS * ALL / ONE_IN * 12 / 10);
    assert_in_range(hits, 1, RUNS - 1); /* about 50; neither is met once in 10^24 */
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_is_named_by_the_paths_of_its_fields),
        cmocka_unit_test(a_sample_is_another_one_each_time_and_finds_what_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
