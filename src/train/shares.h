/* How a batch is divided among devices: whole samples, by weights. Nothing here knows a device. */
#ifndef CLADE_TRAIN_SHARES_H
#define CLADE_TRAIN_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Divides SAMPLES by WEIGHTS (at least 0, not all 0) into COUNT whole numbers, by the method of the largest remainders; of
 * equal remainders the first goes before. A device of weight 0 gets none; every other at least one, while there are. */
void clade_shares_divide(int64_t samples, const double *weights, size_t count, int64_t *parts);

/* PARTS of a batch that suit devices which take SECONDS[d] for their present NOW[d] samples, in proportion to their
 * speeds and in steps of a 64th of the batch. False, with PARTS as NOW, when the batch would not gain a tenth by it. A
 * device with NOW 0 keeps 0. */
bool clade_shares_suit(const int64_t *now, const double *seconds, size_t count, int64_t *parts);

/* The device that the others are faster without, or COUNT: the slowest of them, whose part NOW is the least that it can
 * have, when the others would take its samples as well and yet be done a tenth sooner than it. *WITHOUT gets the seconds
 * that they would need. */
size_t clade_shares_hindrance(const int64_t *now, const double *seconds, size_t count, double *without);

#endif
