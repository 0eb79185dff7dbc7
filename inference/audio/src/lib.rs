//! Container bytes to 16 kHz mono samples under hard bounds
