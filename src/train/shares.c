/* Division by largest remainders, and by measured speeds. */
#include "train/shares.h"

#include <math.h>
#include <string.h>

static double sum_of(const double *weights, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += weights[i];
    return sum;
}

static int64_t total_of(const int64_t *parts, size_t count) {
    int64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += parts[i];
    return total;
}

/* The device that is furthest below (SIGN 1) or above (-1) what its weight would give it; in the latter case one that
 * keeps a sample. */
static size_t furthest(double samples, const double *weights, size_t count, const int64_t *parts, int sign) {
    const double sum = sum_of(weights, count);
    size_t found = count;
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        const double missing = sign * (samples * weights[i] / sum - (double)parts[i]);
        if (!(weights[i] > 0) || (sign < 0 && parts[i] < 2)) continue;
        if (found == count || missing > most) {
            found = i;
            most = missing;
        }
    }
    return found;
}

void clade_shares_divide(int64_t samples, const double *weights, size_t count, int64_t *parts) {
    const double sum = sum_of(weights, count);
    for (size_t i = 0; i < count; i++) {
        parts[i] = (int64_t)floor((double)samples * weights[i] / sum);
        if (parts[i] == 0 && weights[i] > 0) parts[i] = 1;
    }
    for (int64_t left = samples - total_of(parts, count); left > 0; left--)
        parts[furthest((double)samples, weights, count, parts, 1)]++;
    for (int64_t over = total_of(parts, count) - samples; over > 0; over--) {
        size_t from = furthest((double)samples, weights, count, parts, -1);
        for (size_t i = count; from == count && i-- > 0;) /* fewer samples than devices: the last do without */
            if (parts[i] > 0) from = i;
        parts[from]--;
    }
}

/* The batch is done when its slowest part is. */
static double step_seconds(const int64_t *parts, const double *speeds, size_t count) {
    double slowest = 0;
    for (size_t i = 0; i < count; i++)
        if (parts[i] > 0) slowest = fmax(slowest, (double)parts[i] / speeds[i]);
    return slowest;
}

/* Parts are whole steps of a 64th of the batch. */
static int64_t unit_of(int64_t samples) {
    enum { STEPS = 64 };
    return samples > STEPS ? samples / STEPS : 1;
}

static const double least_gain = 0.1;

bool clade_shares_suit(const int64_t *now, const double *seconds, size_t count, int64_t *parts) {
    enum { MOST = 256 };
    double speeds[MOST] = { 0 };
    const int64_t samples = total_of(now, count), unit = unit_of(samples);
    memcpy(parts, now, count * sizeof *parts);
    if (count > MOST) return false;
    for (size_t i = 0; i < count; i++) {
        if (now[i] > 0 && !(seconds[i] > 0)) return false;
        speeds[i] = now[i] > 0 ? (double)now[i] / seconds[i] : 0;
    }
    clade_shares_divide(samples / unit, speeds, count, parts);
    int64_t left = samples - unit * total_of(parts, count);
    for (size_t i = 0; i < count; i++)
        parts[i] *= unit;
    for (size_t i = 0; i < count && left > 0; i++) /* what no whole step is made of */
        if (parts[i] > 0) {
            parts[i] += left;
            left = 0;
        }
    if (step_seconds(parts, speeds, count) <= (1 - least_gain) * step_seconds(now, speeds, count)) return true;
    memcpy(parts, now, count * sizeof *parts);
    return false;
}

size_t clade_shares_hindrance(const int64_t *now, const double *seconds, size_t count, double *without) {
    const int64_t samples = total_of(now, count), unit = unit_of(samples);
    size_t slowest = count;
    double speed = 0; /* samples a second of the others */
    for (size_t i = 0; i < count; i++)
        if (now[i] > 0 && (slowest == count || seconds[i] > seconds[slowest])) slowest = i;
    for (size_t i = 0; i < count; i++)
        if (i != slowest && now[i] > 0 && seconds[i] > 0) speed += (double)now[i] / seconds[i];
    /* What no whole step is made of is with the first device: it may have more than a unit, but less than two. */
    if (slowest == count || now[slowest] >= 2 * unit || !(speed > 0)) return count;
    *without = (double)samples / speed;
    return *without <= (1 - least_gain) * seconds[slowest] ? slowest : count;
}
