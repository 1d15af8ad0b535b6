//! The tables of ITU-T G.722, as far as mode 1 needs them.

/// Half of the symmetric filter that splits and joins the bands, in 1/8192 (table 11).
pub const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// Where the intervals of the lower band begin, for a scale of 8 (table 14, Q6). The first one,
/// from zero, is left out.
pub const LOWER_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// Where the outer interval of the upper band begins (table 14, Q2).
pub const UPPER_LEVEL: i32 = 564;

/// What each code of six bits means, in the middle of its interval (table 17, QQ6 with its sign).
pub const LOWER_VALUES: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];

/// What its upper four bits mean, by which both sides adapt (QQ4 with its sign).
pub const LOWER_COARSE: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];

/// What each code of the upper band means (QQ2 with its sign).
pub const UPPER_VALUES: [i32; 4] = [-7408, -1616, 7408, 1616];

/// By how much each coarse code of the lower band moves the logarithm of its scale (WL of RL42).
pub const LOWER_STEPS: [i32; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];

/// By how much each code of the upper band moves the logarithm of its scale (WH of RH2).
pub const UPPER_STEPS: [i32; 4] = [798, -214, 798, -214];

/// 2048 times 2 to the power of n/32: the mantissa of the scale (ILB).
pub const MANTISSAS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
