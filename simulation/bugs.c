/* SPDX-License-Identifier: MIT
 * The planted bugs. */
#include "simulation/bugs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bug.h"

const sim_bug sim_bugs[] = {
    {"init does not fence", "whoever initialises a transactional id leaves its holder alive"},
    {"fence before the first write only", "a partition is restored while its old owner can write"},
    {"bounds before the fence", "the end of the snapshots is asked for before the fence stands"},
    {"question goes with a request that was sent before",
     "its answer is older than the question, or about another partition"},
    {"restored to the last stable offset only", "what hangs is not looked for, nor waited for"},
    {"checkpoint ahead of its snapshots", "it moves before all that it stands for is written"},
    {"event is applied again", "though the state of its aggregate has it already"},
    {"batch is skipped after a retry", "it is not offered again"},
    {"commit in a late revoke", "of partitions that the group gave to someone else"},
    {"abort takes a lost commit along", "no one looks whether the last commit was seen"},
    {"publisher does not read back", "after its producer has died, it sends all again"},
    {"publisher reads back too little", "all but the last record"},
    {"publisher looks only once", "not again for what was still on its way"},
    {"outbox does not ask", "a publisher that was killed publishes its list again"},
    {"outbox asks too early", "while what its dead process has sent is on its way"},
    {"search begins one record late", "the first event that an outbox asks for is not found"},
    {"registry does not compare after", "each of two who write at once believes to be first"},
    {"a member that was left is heard", "what it gives back is taken from the next one"},
    {"partition count is not compared", "the work goes on with keys in other partitions"},
    {"topic made anew is not noticed", "the work goes on with other events"},
    {"snapshots made anew are not noticed", "what has changed is written, on top of nothing"},
    {"tombstone ahead of its checkpoint", "it is written as soon as an aggregate is closed"},
    {"tombstone behind its letters", "which are gone, and their events are in no state yet"},
    {"answered before the commit", "a call is acknowledged when its transaction is submitted"},
    {"answered before it is visible", "and its markers may be lost"},
    {"commands are not restored", "a repeat after a failover is carried out again"},
    {"commands are not stored", "with the snapshots, where a replay begins"},
    {"repeat in flight is not recognised", "it is decided again, and both are appended"},
    {"refusal rests on what may be aborted", "it does not wait for what it was decided on"},
    {"overlay is kept after an abort", "versions are checked against what was never there"},
    {"serves before it is current", "what is decided on is not all that was there at the fence"},
    {"timers are not restored", "whoever takes a partition over has none"},
    {"timer is set too late", "not while the event that sets it is in flight"},
    {"timer fires twice", "while its first events are on their way"},
    {"repeat of a sender is carried out", "what reactions send again after a takeover"},
    {"senders are not restored", "whoever takes commands over knows no number"},
    {"forward without the command's id", "what is asked twice is carried out twice"},
    {"commands go by the group's offset", "what is taken is not in what the owner restores"},
    {"command of the topic is not recognised", "it is carried out again after a failover"},
    {"what was aborted counts as carried out", "commands whose events hung are skipped"},
    {"a lost dead letter is not written again", "a command that was refused leaves nothing"},
    {"dead letters are not looked for", "a command that was refused is decided on again"},
    {"the window is left before the record is visible", "what may be taken again is forgotten"},
    {"position before rows", "it is committed before the rows that it stands for"},
    {"a zombie's database commit", "the term and the place of a transaction are not compared"},
    {"a parked key whose later event is applied", "what comes for it is not set aside"},
    {"a redrive out of order",
     "the second event that was set aside is applied in place of the first"},
    {"letters are not stored with their position", "a database has the position, and not them"},
    {"the parked set is written after the position", "with the next snapshots"},
    {"orders are not read before the first event", "a paused partition that is taken goes on"},
    {"a reset that counts twice", "positions go back, and rows stay"},
    {"the first version is not written down", "readers have the lowest that runs"},
    {"a choice is not compared", "whoever slept writes over what was chosen meanwhile"},
    {"ends from when the rebuild began", "readers are given a version that is behind"},
    {"the record before the version is there", "it is waited for when readers have it"},
    {"an instance misses the record", "it keeps what it has read first"},
    {NULL, NULL},
};

static const char *planted;

bool sim_has_bug(const char *name)
{
    for (const sim_bug *bug = sim_bugs; bug->name != NULL; bug++)
        if (strcmp(bug->name, name) == 0) return true;
    return false;
}

void sim_plant(const char *name)
{
    planted = name;
}

bool stele_bug_is_planted(const char *name)
{
    if (planted == NULL) return false;
    if (!sim_has_bug(name)) {
        fprintf(stderr, "simulate: %s is in no list of bugs\n", name);
        abort();
    }
    return strcmp(planted, name) == 0;
}
