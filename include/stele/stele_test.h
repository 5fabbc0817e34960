/* SPDX-License-Identifier: MIT
 * Tests of a projection without a broker: given these events, then this state; and of an aggregate
 * that decides: given these events, when this command comes, then these events. All events go the
 * whole way, through a log in memory, schemas and all, and are applied by the code that a worker
 * runs. Works in any test framework, or in none:
 *
 *     stele_test *test = stele_test_projection(&customers);
 *     stele_test_given(test, "00004", &shop_purchase_type, &(shop_purchase){.amount = 8868});
 *     stele_test_then_json(test, "00004", "{\"purchases\": 1, \"total\": \"88.68\", …}");
 *     return stele_test_end(test);
 *
 * Before each event the state is also written into a snapshot and read back, as by a worker that
 * was stopped there, and what the event makes of both must be the same. So a fold that depends on
 * anything but its arguments, or a state that no snapshot can hold, fails every test.
 *
 *     stele_test *test = stele_test_aggregate(&account);
 *     stele_test_given(test, "ann", &bank_deposited_type, &(bank_deposited){.cents = 500});
 *     stele_test_when(test, "ann", &bank_withdraw_type, &(bank_withdraw){.cents = 200});
 *     stele_test_then_event(test, &bank_withdrawn_type, &(bank_withdrawn){.cents = 200});
 *     stele_test_when(test, "ann", &bank_withdraw_type, &(bank_withdraw){.cents = 301});
 *     stele_test_then_rejected(test, "insufficient_funds");
 *     return stele_test_end(test);
 *
 * Each command is decided on three times, once on the state that a snapshot gives back, and the
 * answers must be the same. So a decide function that depends on anything but its arguments fails,
 * and so does one that yields what its own fold refuses.
 *
 * The first failure is printed on stderr; after it all calls do nothing and return false. */
#ifndef STELE_STELE_TEST_H
#define STELE_STELE_TEST_H

#include <stele/app.h>
#include <stele/projection.h>
#include <stele/publisher.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One history, in one partition. Used by one thread at a time. */
typedef struct stele_test stele_test;

/**
 * A history without events. Its time is 2000-01-01T00:00:00Z until stele_test_at.
 *
 * @param projection  borrowed, must outlive the test; a table that cannot be right is a failure of
 *                    the test
 * @return never NULL; caller owns, release with stele_test_end
 */
STELE_API stele_test *stele_test_projection(const stele_projection *projection);

/**
 * The same for an aggregate that decides, and what its commands do.
 *
 * @param aggregate  borrowed, must outlive the test
 */
STELE_API stele_test *stele_test_aggregate(const stele_aggregate *aggregate);

/**
 * The same for reactions, without a log: each event that is given is handed to its rule, twice, and
 * what that sends is to be named. There are no states.
 *
 *     stele_test *test = stele_test_reactions(&transfers);
 *     stele_test_given(test, "t1", &bank_requested_type, &(bank_requested){.cents = 500, …});
 *     stele_test_then_sent(test, &account, "ann", &bank_withdraw_type, &(bank_withdraw){…});
 *     return stele_test_end(test);
 *
 * @param reactions  borrowed, must outlive the test
 */
STELE_API stele_test *stele_test_reactions(const stele_reactions *reactions);

/** The next command that the last event sends is this one, to this aggregate. */
STELE_API bool stele_test_then_sent(stele_test *test, const stele_aggregate *to, const char *id,
                                    const stele_type *type, const void *command);

/** The last event sends nothing, or no more than was named. */
STELE_API bool stele_test_then_sent_nothing(stele_test *test);

/** The events and commands that follow are of this time: Unix, in milliseconds, positive. */
STELE_API bool stele_test_at(stele_test *test, int64_t time_ms);

/**
 * The events that follow carry what these options give: their correlation, their cause, a trace.
 * Their time is that of stele_test_at.
 *
 * @param options  borrowed until the end of the test; NULL: nothing, as at the beginning
 */
STELE_API bool stele_test_with(stele_test *test, const stele_publish_options *options);

/**
 * An event happened.
 *
 * @param id     of the aggregate
 * @param type   of `event`, which may be an old one that an upcaster converts; must outlive the
 * test
 * @return false if it cannot be an event. One that the projection refuses is applied to nothing:
 *         stele_test_then_stopped must follow
 */
STELE_API bool stele_test_given(stele_test *test, const char *id, const stele_type *type,
                                const void *event);

/** The same; the event as JSON in the plain form, where a missing field takes its default. */
STELE_API bool stele_test_given_json(stele_test *test, const char *id, const stele_type *type,
                                     const char *event);

/**
 * A command comes to an aggregate. What it yields is appended and applied.
 *
 * What follows says what is expected of it, or nothing where only the state is to be looked at; but
 * a rejection, a failure, and events that are left when some were named, are to be expected.
 *
 * @param type     one of the aggregate's commands
 * @param command  its struct
 * @return false if it cannot be decided on
 */
STELE_API bool stele_test_when(stele_test *test, const char *id, const stele_type *type,
                               const void *command);

/** The same; the command as JSON in the plain form, where a missing field takes its default. */
STELE_API bool stele_test_when_json(stele_test *test, const char *id, const stele_type *type,
                                    const char *command);

/**
 * The timer of an aggregate is due: time goes on to that moment, where it has not passed yet, and
 * what `on_due` decides is appended and applied, as by a command. What it leaves must have no
 * timer, or one that is due later.
 */
STELE_API bool stele_test_when_due(stele_test *test, const char *id);

/** The timer of an aggregate is due then: Unix, in milliseconds; 0: it has none. */
STELE_API bool stele_test_then_due(stele_test *test, const char *id, int64_t time_ms);

/** The next event that the last command yields is this one. */
STELE_API bool stele_test_then_event(stele_test *test, const stele_type *type, const void *event);

/** The same; the event as JSON in the plain form, where a missing field takes its default. */
STELE_API bool stele_test_then_event_json(stele_test *test, const stele_type *type,
                                          const char *event);

/** The last command was accepted and yields no event, or no more than were named. */
STELE_API bool stele_test_then_nothing(stele_test *test);

/** The last command was rejected with this code. */
STELE_API bool stele_test_then_rejected(stele_test *test, const char *code);

/** The last command failed (stele_fail), with a message that contains `text`. */
STELE_API bool stele_test_then_failed(stele_test *test, const char *text);

/** The state of the aggregate equals this struct of the projection's or aggregate's state type. */
STELE_API bool stele_test_then(stele_test *test, const char *id, const void *state);

/** The same; the state as JSON in the plain form, where a missing field takes its default. */
STELE_API bool stele_test_then_json(stele_test *test, const char *id, const char *state);

/** No event of this aggregate was applied. */
STELE_API bool stele_test_then_none(stele_test *test, const char *id);

/** The aggregate's life has ended: an apply function said STELE_FINISHED. */
STELE_API bool stele_test_then_finished(stele_test *test, const char *id);

/** The last event stopped the projection, with a message that contains `text`. As on a worker,
 * nothing can be applied after it: what follows is the end. */
STELE_API bool stele_test_then_stopped(stele_test *test, const char *text);

/** Why the test has failed; "" while it has not. Valid until the end. */
STELE_API const char *stele_test_failure(const stele_test *test);

/** Release the test. @return exit code: 0 all was as expected, 1 it failed */
STELE_API int stele_test_end(stele_test *test);

/** An event of a history for stele_simulate. */
typedef struct stele_simulated_event {
    const char *id;         /* of the aggregate */
    const stele_type *type; /* of `event`; NULL: the list ends here */
    const void *event;
} stele_simulated_event;

/**
 * Play a history in virtual time: two workers for each of the application's projections fold it,
 * crash, come back, and give partitions to each other. In the end every state is compared with what
 * one replay makes. So an apply function that depends on more than its arguments is found, and one
 * that takes what it has applied for granted.
 *
 * It runs in a child process, in milliseconds. The same seed plays the same run.
 *
 * @param app     borrowed; its projections are played
 * @param events  borrowed, in order; those of several aggregates may be mixed
 * @param seed    decides who crashes when; try some
 * @return exit code: 0 all states are those of one replay, 1 not, and why is on stderr
 */
STELE_API int stele_simulate(const stele_app *app, const stele_simulated_event *events,
                             uint64_t seed);

#ifdef __cplusplus
}
#endif

#endif
