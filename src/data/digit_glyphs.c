/* How digits are written: for each a few hands, as strokes (data/digits.h). Corners end a stroke; curves go through
 * their points. */
#include "data/digits.h"

// clang-format off
#define LINE(X0, Y0, X1, Y1) { 2, { { X0, Y0 }, { X1, Y1 } } }

const clade_glyph clade_digit_glyphs[10][CLADE_GLYPH_VARIANTS] = {
    /* 0: an oval begun at the top; a narrow one; one that closes with an overlap */
    { { { { 7, { {.50f,.03f}, {.22f,.22f}, {.15f,.60f}, {.45f,.97f}, {.80f,.72f}, {.80f,.28f}, {.50f,.03f} } } } },
      { { { 7, { {.52f,.03f}, {.34f,.25f}, {.30f,.65f}, {.48f,.97f}, {.67f,.70f}, {.69f,.28f}, {.50f,.03f} } } } },
      { { { 8, { {.62f,.10f}, {.38f,.06f}, {.17f,.38f}, {.25f,.82f}, {.55f,.96f}, {.83f,.58f}, {.70f,.15f}, {.44f,.08f} } } } } },
    /* 1: a bar; with a flag; with a flag and a base */
    { { { LINE(.50f,.02f, .50f,.98f) } },
      { { LINE(.28f,.25f, .54f,.03f), LINE(.54f,.03f, .52f,.98f) } },
      { { LINE(.30f,.22f, .52f,.03f), LINE(.52f,.03f, .52f,.96f), LINE(.28f,.96f, .76f,.96f) } } },
    /* 2: a swan; with a loop at the foot; angular */
    { { { { 6, { {.20f,.27f}, {.36f,.07f}, {.64f,.07f}, {.77f,.28f}, {.58f,.58f}, {.18f,.94f} } }, LINE(.18f,.94f, .84f,.93f) } },
      { { { 9, { {.20f,.26f}, {.48f,.03f}, {.77f,.25f}, {.55f,.62f}, {.26f,.93f}, {.14f,.84f}, {.28f,.74f}, {.52f,.88f}, {.86f,.94f} } } } },
      { { LINE(.18f,.08f, .76f,.07f), LINE(.76f,.07f, .18f,.93f), LINE(.18f,.93f, .84f,.93f) } } },
    /* 3: two bows; a flat top; one stroke with a small middle loop */
    { { { { 5, { {.20f,.18f}, {.45f,.04f}, {.72f,.20f}, {.60f,.42f}, {.40f,.48f} } },
          { 5, { {.40f,.48f}, {.70f,.53f}, {.80f,.75f}, {.55f,.96f}, {.18f,.85f} } } } },
      { { LINE(.20f,.06f, .76f,.06f), LINE(.76f,.06f, .43f,.41f),
          { 5, { {.43f,.41f}, {.74f,.50f}, {.79f,.78f}, {.50f,.97f}, {.18f,.86f} } } } },
      { { { 9, { {.22f,.15f}, {.48f,.03f}, {.72f,.18f}, {.58f,.42f}, {.40f,.45f}, {.62f,.50f}, {.80f,.72f}, {.55f,.96f}, {.18f,.82f} } } } } },
    /* 4: open; closed; open with a slant */
    { { { { 3, { {.27f,.05f}, {.22f,.32f}, {.20f,.56f} } }, LINE(.20f,.56f, .86f,.54f), LINE(.68f,.12f, .66f,.98f) } },
      { { LINE(.62f,.03f, .14f,.64f), LINE(.14f,.64f, .88f,.64f), LINE(.62f,.03f, .62f,.98f) } },
      { { { 3, { {.38f,.03f}, {.22f,.38f}, {.16f,.60f} } }, LINE(.16f,.60f, .84f,.58f), LINE(.74f,.05f, .58f,.98f) } } },
    /* 5: three strokes; one curve, like an S */
    { { { LINE(.77f,.06f, .30f,.06f), LINE(.30f,.06f, .25f,.45f),
          { 6, { {.25f,.45f}, {.50f,.37f}, {.79f,.56f}, {.72f,.85f}, {.45f,.96f}, {.17f,.85f} } } } },
      { { { 9, { {.79f,.10f}, {.55f,.04f}, {.30f,.12f}, {.27f,.34f}, {.50f,.45f}, {.76f,.60f}, {.70f,.88f}, {.44f,.97f}, {.18f,.86f} } } } },
      { { LINE(.32f,.08f, .80f,.05f), { 8, { {.32f,.08f}, {.28f,.28f}, {.26f,.46f}, {.46f,.40f}, {.72f,.52f}, {.76f,.76f}, {.54f,.96f}, {.22f,.92f} } } } } },
    /* 6: a bow with a loop; a straight back */
    { { { { 8, { {.70f,.04f}, {.36f,.28f}, {.20f,.65f}, {.36f,.94f}, {.66f,.91f}, {.75f,.68f}, {.54f,.51f}, {.24f,.66f} } } } },
      { { { 8, { {.58f,.02f}, {.36f,.38f}, {.24f,.72f}, {.36f,.95f}, {.62f,.95f}, {.77f,.76f}, {.58f,.58f}, {.27f,.72f} } } } } },
    /* 7: plain; with a bar through the stem; with a serif */
    { { { LINE(.16f,.07f, .80f,.06f), { 3, { {.80f,.06f}, {.56f,.50f}, {.42f,.98f} } } } },
      { { LINE(.16f,.07f, .80f,.06f), { 3, { {.80f,.06f}, {.56f,.50f}, {.42f,.98f} } }, LINE(.34f,.52f, .78f,.49f) } },
      { { LINE(.17f,.22f, .17f,.08f), LINE(.17f,.08f, .80f,.06f), LINE(.80f,.06f, .36f,.98f) } } },
    /* 8: one stroke crossing itself; two rings; begun at the crossing */
    { { { { 10, { {.72f,.14f}, {.47f,.03f}, {.25f,.21f}, {.48f,.46f}, {.77f,.73f}, {.50f,.97f}, {.22f,.74f}, {.48f,.48f}, {.74f,.25f}, {.70f,.11f} } } } },
      { { { 7, { {.50f,.03f}, {.28f,.14f}, {.30f,.37f}, {.50f,.46f}, {.72f,.35f}, {.72f,.14f}, {.50f,.03f} } },
          { 7, { {.50f,.46f}, {.23f,.60f}, {.22f,.85f}, {.50f,.97f}, {.78f,.84f}, {.77f,.60f}, {.50f,.46f} } } } },
      { { { 9, { {.50f,.47f}, {.24f,.26f}, {.50f,.03f}, {.75f,.24f}, {.48f,.49f}, {.20f,.76f}, {.50f,.97f}, {.80f,.74f}, {.50f,.47f} } } } } },
    /* 9: a ring and a straight stem; a ring and a hook; one stroke */
    { { { { 7, { {.75f,.24f}, {.50f,.04f}, {.24f,.18f}, {.28f,.43f}, {.54f,.48f}, {.74f,.32f}, {.75f,.20f} } }, LINE(.75f,.20f, .70f,.98f) } },
      { { { 7, { {.73f,.24f}, {.50f,.04f}, {.24f,.18f}, {.28f,.43f}, {.54f,.48f}, {.72f,.32f}, {.74f,.20f} } },
          { 4, { {.74f,.20f}, {.74f,.66f}, {.52f,.96f}, {.24f,.88f} } } } },
      { { { 9, { {.74f,.16f}, {.52f,.04f}, {.26f,.20f}, {.30f,.42f}, {.56f,.46f}, {.75f,.22f}, {.72f,.50f}, {.62f,.76f}, {.44f,.98f} } } } } },
};
// clang-format on
