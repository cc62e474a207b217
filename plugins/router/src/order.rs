//! The upstreams of one request in the order in which they are tried. Nothing here allocates.

/// As many as a route has.
pub const TARGETS_MAX: usize = 16;

/// One upstream that may serve.
#[derive(Clone, Copy, Default)]
pub struct Seat {
    /// Its number in the route.
    pub target: u32,
    /// Its number in the config's list, or in the plan that was found.
    pub place: usize,
    /// It is to be left alone for a while, and is tried last.
    pub rests: bool,
    /// The smallest comes first; among equals the place decides.
    pub key: u64,
}

#[derive(Default)]
pub struct Order {
    seats: [Seat; TARGETS_MAX],
    length: usize,
}

impl Order {
    /// One more than there can be is left out.
    pub fn push(&mut self, seat: Seat) {
        if let Some(free) = self.seats.get_mut(self.length) {
            *free = seat;
            self.length += 1;
        }
    }

    pub fn seats(&self) -> &[Seat] {
        &self.seats[..self.length]
    }

    pub fn seats_mut(&mut self) -> &mut [Seat] {
        &mut self.seats[..self.length]
    }

    /// By insertion, which for so few is as quick as any and brings in no code of a general sort.
    pub fn sort(&mut self) {
        let rank = |seat: &Seat| (seat.rests, seat.key, seat.place);
        for end in 1..self.length {
            let mut at = end;
            while at > 0 && rank(&self.seats[at]) < rank(&self.seats[at - 1]) {
                self.seats.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    /// Orders by draws in proportion to weights: the first among all, the next among the rest, and so on. Those without weight
    /// come behind. What rests is drawn like any other, and [`sort`](Order::sort) puts it behind.
    pub fn draw(&mut self, mut random: Random, weight: impl Fn(&Seat) -> u64) {
        let mut drawn = [false; TARGETS_MAX];
        let mut left: u64 = self.seats().iter().map(&weight).sum();
        for turn in 0..self.length as u64 {
            let mut ticket = random.below(left);
            let seats = self.seats[..self.length].iter_mut().zip(&mut drawn).filter(|(_, drawn)| !**drawn);
            for (seat, drawn) in seats {
                let weight = weight(seat);
                // With nothing left to draw for, the places decide.
                if ticket < weight || left == 0 {
                    (seat.key, *drawn) = (turn, true);
                    left -= weight;
                    break;
                }
                ticket -= weight;
            }
        }
    }
}

/// Further random numbers from one (splitmix64), so that a request asks the host once.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Evenly below `bound`; 0 for 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // The upper half of the product, whose bias for bounds of some millions is below 2^-40.
        ((u128::from(mixed(self.0)) * u128::from(bound)) >> 64) as u64
    }
}

/// Each bit of the result depends on each of the number's.
pub fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// FNV-1a. Who chooses his own name or field chooses his own upstream, and no other's.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
