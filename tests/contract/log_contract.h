/* SPDX-License-Identifier: MIT
 * The contract of kafka/log.h as cases, each named once here, run on every implementation. */
#ifndef STELE_TESTS_CONTRACT_LOG_CONTRACT_H
#define STELE_TESTS_CONTRACT_LOG_CONTRACT_H

#include "tests/kafka/kafka_test.h"

/** An implementation, and what an administrator does to it. */
typedef struct contract_subject {
    stele_log *(*open)(void);
    /** Another way to the same log: a member of it that is not polled for a second is lost. Given
     * back with `close_impatient`. */
    stele_log *(*open_impatient)(void);
    void (*close_impatient)(stele_log *log);
    void (*delete_records)(stele_log *log, stele_partition partition, int64_t before);
} contract_subject;

/** The one that is tested, and a log of it. */
extern const contract_subject *subject;
extern stele_log *the_log;

/** Run every case on it. @return exit code; 0 only if all have run to their end */
int run_log_contract(const contract_subject *subject);

#define LOG_CONTRACT(CASE)                                                                         \
    /* reader_cases.c */                                                                           \
    CASE(records_come_in_the_order_in_which_they_were_put)                                         \
    CASE(a_record_comes_with_all_that_was_put)                                                     \
    CASE(null_is_not_empty)                                                                        \
    CASE(whatever_its_haste_a_reader_goes_on_behind_the_end)                                       \
    CASE(headers_keep_their_order_and_the_last_of_a_name_is_found)                                 \
    CASE(what_is_put_is_copied)                                                                    \
    CASE(markers_take_offsets_and_are_never_seen)                                                  \
    CASE(the_end_is_told_once_each_time_it_is_reached)                                             \
    CASE(the_end_of_an_empty_partition_is_told)                                                    \
    CASE(a_batch_holds_no_more_than_batch_max)                                                     \
    CASE(a_batch_knows_how_far_the_log_goes)                                                       \
    CASE(a_reader_starts_in_the_middle)                                                            \
    CASE(nothing_to_read_times_out)                                                                \
    CASE(a_held_partition_is_not_handed_out_and_loses_nothing)                                     \
    CASE(several_batches_may_be_held)                                                              \
    CASE(partitions_take_turns)                                                                    \
    CASE(a_stopped_partition_can_be_started_elsewhere)                                             \
    CASE(a_partition_is_started_once_and_at_an_offset)                                             \
    CASE(an_offset_past_the_end_is_a_hole)                                                         \
    CASE(an_offset_below_the_start_is_a_hole)                                                      \
    CASE(a_reader_that_waits_is_woken_by_another_thread)                                           \
    CASE(an_unknown_topic_ends_the_reading)                                                        \
    CASE(a_deleted_topic_ends_the_reading)                                                         \
    /* producer_cases.c */                                                                         \
    CASE(each_record_is_reported_once_with_its_position)                                           \
    CASE(a_full_queue_takes_more_once_deliveries_are_served)                                       \
    CASE(a_record_too_large_is_rejected_and_the_rest_goes_on)                                      \
    CASE(a_record_too_large_for_its_topic_is_rejected_in_delivery)                                 \
    CASE(a_compacted_topic_takes_no_record_without_a_key)                                          \
    CASE(an_unknown_topic_is_told_by_put_or_by_delivery)                                           \
    CASE(an_unknown_partition_is_told_by_put_or_by_delivery)                                       \
    CASE(a_key_chooses_its_partition_as_in_java)                                                   \
    CASE(records_without_a_key_go_somewhere)                                                       \
    CASE(closing_reports_what_is_queued)                                                           \
    /* transaction_cases.c */                                                                      \
    CASE(a_committed_transaction_is_seen)                                                          \
    CASE(an_aborted_transaction_is_hidden_from_committed_readers_only)                             \
    CASE(an_open_transaction_bounds_committed_readers_only)                                        \
    CASE(a_transaction_spans_partitions)                                                           \
    CASE(an_empty_transaction_commits_and_aborts)                                                  \
    CASE(calls_out_of_order_are_refused)                                                           \
    CASE(init_again_is_fine_and_fences_nobody)                                                     \
    CASE(a_producer_fenced_before_begin_cannot_commit)                                             \
    CASE(a_producer_fenced_after_put_cannot_commit)                                                \
    CASE(a_producer_fenced_within_a_transaction_cannot_put)                                        \
    CASE(a_producer_fenced_within_a_transaction_cannot_send_offsets)                               \
    CASE(a_producer_fenced_within_a_transaction_cannot_abort)                                      \
    CASE(a_fenced_producer_stays_dead)                                                             \
    CASE(init_aborts_what_a_dead_predecessor_left_open)                                            \
    CASE(a_transaction_open_for_too_long_is_aborted)                                               \
    CASE(a_transaction_that_lost_a_record_can_only_be_aborted)                                     \
    /* group_cases.c */                                                                            \
    CASE(a_lone_member_gets_all_partitions)                                                        \
    CASE(two_cooperative_members_share_and_keep_what_they_can)                                     \
    CASE(two_eager_members_share_after_giving_up_all)                                              \
    CASE(whoever_stays_takes_over_from_whoever_leaves)                                             \
    CASE(a_lost_member_is_told_and_its_metadata_refused)                                           \
    CASE(two_groups_do_not_see_each_other)                                                         \
    CASE(who_is_refused_as_a_member_is_told_why)                                                   \
    CASE(a_member_commits_an_offset_of_what_it_owns_only)                                          \
    CASE(commits_of_members_do_not_disturb_a_rebalance)                                            \
    CASE(a_group_names_its_members_and_what_they_own)                                              \
    CASE(a_group_that_no_one_is_in_can_be_removed)                                                 \
    CASE(what_comes_for_a_member_ends_the_wait_of_its_reader)                                      \
    CASE(metadata_of_an_older_generation_is_refused)                                               \
    CASE(metadata_of_a_member_that_left_is_refused)                                                \
    CASE(an_offset_moves_with_its_transaction)                                                     \
    CASE(an_offset_does_not_move_with_an_aborted_transaction)                                      \
    CASE(a_pending_offset_is_waited_for)                                                           \
    CASE(an_offset_is_set_by_hand_only_without_members)                                            \
    /* topic_cases.c */                                                                            \
    CASE(a_created_topic_is_described)                                                             \
    CASE(a_topic_is_created_once)                                                                  \
    CASE(a_deleted_topic_is_gone)                                                                  \
    CASE(who_has_not_joined_has_no_metadata)                                                       \
    CASE(what_cannot_be_a_topic_is_refused)                                                        \
    CASE(an_unknown_topic_is_not_found)                                                            \
    CASE(settings_are_given_back_with_defaults)                                                    \
    CASE(topics_are_listed_by_prefix)                                                              \
    CASE(bounds_are_the_start_and_the_end)                                                         \
    CASE(an_offset_is_found_by_time)                                                               \
    CASE(a_log_that_answered_is_up)                                                                \
    /* together_cases.c */                                                                         \
    CASE(many_who_ask_at_once_are_each_told_their_own)                                             \
    CASE(bounds_of_many_partitions_are_asked_for_at_once)                                          \
    CASE(a_pending_offset_holds_up_no_other_question)

#define DECLARE_CASE(name) void name(void);
LOG_CONTRACT(DECLARE_CASE)
#undef DECLARE_CASE

/* ---- what the cases share ---- */

/** A producer with no transactional id. */
stele_log_producer *open_plain(const char *topic);

/** A reader of partition 0 from offset 0. */
stele_log_reader *open_reader(const char *topic, stele_isolation isolation);

/** The next batch, which has no failure. Release it. */
stele_batch next_batch(stele_log_reader *reader);

/** Read and drop what comes until the end is told, at this offset. */
void read_to(stele_log_reader *reader, int64_t end);

/** The next batch says that partition 0 ended there, and holds nothing. Releases it. */
void expect_end(stele_log_reader *reader, int64_t next_offset);

/** The next batch is a failure of that status, and nothing follows it. */
void expect_failure(stele_log_reader *reader, stele_status status);

/** Values in partition 0 as read_texts gives them, once they do: right after a commit Kafka's last
 * stable offset may lag. */
void expect_texts(const char *topic, stele_isolation isolation, const char *texts);

/** What stele_log_bounds says of partition 0, once it does. */
void expect_bounds(const char *topic, stele_isolation isolation, int64_t start, int64_t end);

#endif
