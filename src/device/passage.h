/* A passage: the way of one array from a device to another, through host memory, at each run of two lists of commands.
 *
 * The list of one device hands over, behind the work that makes the array, without waiting; that of the other takes over.
 * Both are driven by one thread: clade_commands_enqueue_some() stops before a command that would have to wait for a passage,
 * so that the thread can see to the other list meanwhile. Errors name the device that failed. */
#ifndef CLADE_DEVICE_PASSAGE_H
#define CLADE_DEVICE_PASSAGE_H

#include "device/device.h"

typedef struct clade_passage clade_passage;

/* For arrays of BYTES. The devices outlive it; freed after the lists that use it. */
clade_status clade_passage_new(clade_device *from, clade_device *to, size_t bytes, clade_passage **passage);
void clade_passage_free(clade_passage *passage); /* accepts NULL; waits for what is on its way */
/* Forgets what was handed over and not taken, of a run that failed. */
void clade_passage_reset(clade_passage *passage);

/* Appends the two ends; buffers are borrowed, of the passage's bytes. */
clade_status clade_commands_hand_over(clade_commands *commands, const char *label, const clade_buffer *from,
                                      clade_passage *passage);
clade_status clade_commands_take_over(clade_commands *commands, const char *label, clade_passage *passage,
                                      const clade_buffer *to);

/* As clade_commands_enqueue(), but from command *AT on, and no further than a command whose passage has not arrived: *AT is
 * then that command, otherwise the number of commands. */
clade_status clade_commands_enqueue_some(clade_commands *commands, size_t *at);
/* The passage before which that stopped. */
clade_passage *clade_commands_awaited(const clade_commands *commands, size_t at);

/* When it was handed over (clade_clock_seconds()); negative: not yet. */
double clade_passage_sent(const clade_passage *passage);
/* Whether it can be taken over without waiting; waits until it can. */
bool clade_passage_arrived(const clade_passage *passage);
clade_status clade_passage_wait(clade_passage *passage);

#endif
