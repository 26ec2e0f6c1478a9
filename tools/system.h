/* What the command needs of the operating system: the standard streams, the terminal, folders, a clock. The only file of
 * tools/ that speaks POSIX. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>
#include <stdio.h>

/* Before anything is opened: standard streams that the caller closed are filled with ones that cannot be written, so that
 * no file of ours takes their number; a pipe that nobody reads becomes a failed write instead of a signal. */
void system_prepare(void);
/* Whether STREAM (standard output or error) is a terminal whose last line can be redrawn. */
bool system_is_terminal(FILE *stream);
/* Columns of that terminal; 80 when unknown. */
int system_terminal_width(void);
/* Flushes standard output. False, with a line on standard error, when anything could not be written. */
bool system_finish_output(void);

/* Makes the folder PATH (in one that exists): 1 made, 0 it was there, -1 impossible. */
int system_make_folder(const char *path);
bool system_exists(const char *path);

#endif
