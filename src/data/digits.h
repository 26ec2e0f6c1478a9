/* Digits drawn by Clade: no file needed, any number of them, each a function of seed, part and index alone. */
#ifndef CLADE_DATA_DIGITS_H
#define CLADE_DATA_DIGITS_H

#include <stdint.h>

enum { CLADE_DIGIT_SIDE = 28, CLADE_DIGIT_PIXELS = CLADE_DIGIT_SIDE * CLADE_DIGIT_SIDE };

/* The way a digit is written: strokes through points in a box, x to the right and y down, both in [0, 1]. A stroke is a
 * Catmull-Rom curve through its points; of two points, a straight line. */
enum { CLADE_STROKE_POINTS = 11, CLADE_GLYPH_STROKES = 3, CLADE_GLYPH_VARIANTS = 4 };

typedef struct clade_stroke {
    int points; /* 0: no stroke */
    float at[CLADE_STROKE_POINTS][2];
} clade_stroke;

typedef struct clade_glyph {
    clade_stroke strokes[CLADE_GLYPH_STROKES];
} clade_glyph;

/* Each digit's hands; one without strokes is none (variants fill from the front). */
extern const clade_glyph clade_digit_glyphs[10][CLADE_GLYPH_VARIANTS];

/* The label of sample INDEX of PART ("train") of SEED, uniform over 0 .. 9. */
int32_t clade_digit_label(uint64_t seed, const char *part, int64_t index);
/* Draws it: light strokes on a dark ground, row by row. Returns its label. */
int32_t clade_digit_draw(uint64_t seed, const char *part, int64_t index, uint8_t pixels[CLADE_DIGIT_PIXELS]);

#endif
