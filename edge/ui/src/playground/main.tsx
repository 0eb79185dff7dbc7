import { mount } from "../parts/mount";
import { Playground } from "./Playground";
import "./playground.css";

mount(<Playground />);
